// Answers of endpoints that were once misread.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { adviceOf } from "../../src/chain/indexing/ranges.ts";
import { createChainReader } from "../../src/chain/reader.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { bumpedFees, neededFees } from "../../src/chain/sending/fees.ts";
import { type Block, QuantityNumber } from "../../src/chain/types.ts";

describe("failover-on-error", () => {
  const closers: (() => void)[] = [];
  afterEach(() => closers.splice(0).forEach((close) => close()));
  async function node(answer: object): Promise<string> {
    const server = createServer((_request, response) =>
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, ...answer })),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each([
    [{ code: -32_005, message: "daily request count exceeded, request rate limited" }],
    [{ code: 429, message: "Your app has exceeded its compute units per second capacity" }],
    [{ code: -32_603, message: "Internal error" }],
    [{ code: -32_000, message: "header not found" }],
  ])("a read that one endpoint cannot serve (%j) is served by the next", async (error) => {
    const rpc = new JsonRpc({ endpoints: [await node({ error }), await node({ result: "0x10" })] });
    await expect(rpc.call(QuantityNumber, "eth_blockNumber", [])).resolves.toBe(16);
  });
});

describe("reader-errors", () => {
  const server = createServer((_request, response) =>
    response.end(
      JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32_005, message: "rate limited" } }),
    ),
  );
  afterAll(() => void server.close());

  const reader = async () => {
    if (!server.listening)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `0x${"11".repeat(20)}`;
    return createChainReader({
      rpc: new JsonRpc({
        endpoints: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      }),
      chainId: 1,
      auctionContract: address,
      passContract: address,
    });
  };

  // reader.ts: "Every method throws AppError `rpc_unavailable` (retry) when no endpoint answers." The API makes 500 of this.
  test("a node that answers 'rate limited' is an outage, not a defect", async () => {
    await expect((await reader()).passOwner("1")).rejects.toMatchObject({
      code: "rpc_unavailable",
    });
  });
});

// Rules that need no chain.
describe("small-rules", () => {
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
});
