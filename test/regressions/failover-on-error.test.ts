import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { QuantityNumber } from "../../src/chain/types.ts";

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
