// Rules that need no chain.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@jest/globals";
import { adviceOf } from "../../src/chain/indexing/ranges.ts";
import type { Block } from "../../src/chain/types.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { bumpedFees, neededFees } from "../../src/chain/sending/fees.ts";

test("a replacement of a transaction without a tip raises the tip too", () => {
  // geth legacypool list.Add: refused while old.GasTipCap >= new.GasTipCap, also at 0. L2s answer eth_maxPriorityFeePerGas with 0.
  const market = { maxFeePerGasWei: 10n, maxPriorityFeePerGasWei: 0n };
  expect(bumpedFees(market, market, 1_000n)?.maxPriorityFeePerGasWei).toBeGreaterThan(0n);
});

test("an operator is told that the market is above the cap only when it is", () => {
  // base fee 150, tip 2, cap 200: includable now; "held" is only the head-room of twice the base fee.
  const market = { maxFeePerGasWei: 302n, maxPriorityFeePerGasWei: 2n };
  const head = { baseFeePerGas: 150n } as Block;
  expect(neededFees(market, head).maxFeePerGasWei <= 200n).toBe(true);
});

test.each([
  ["a string", JSON.stringify({ error: "Too Many Requests" })],
  ["a gateway's own shape", JSON.stringify({ message: "Too Many Requests" })],
  [
    "a code that is a string",
    JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: "429", message: "slow down" } }),
  ],
])("an error as %s is not taken for an accepted transaction", async (_what, body) => {
  const server = createServer((_request, response) => {
    response.writeHead(429, { "content-type": "application/json" });
    response.end(body);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const rpc = new JsonRpc({ endpoints: [`http://127.0.0.1:${port}`] });
    await expect(rpc.callEndpoint(0, "eth_sendRawTransaction", ["0x02"])).rejects.toThrow();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("thousands in words are thousands", () => {
  expect(adviceOf("eth_getLogs is limited to a 10k range")).toEqual({ maxBlocks: 10_000 });
});
