// What nodes and providers answer when they cannot answer: another endpoint is asked, and "cannot know now" is never "no".
import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, jest, test } from "@jest/globals";
import { z } from "zod";
import { JsonRpc, RpcError } from "../../src/chain/rpc.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Call {
  readonly method: string;
  readonly authorization: string | undefined;
}
type Answer = { readonly result: unknown } | { readonly error: object };

/** A node that answers as told; `calls` is what reached it. */
async function startNode(
  answer: (method: string) => Answer,
): Promise<{ readonly host: string; readonly url: string; readonly calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    void methodOf(request).then((method) => {
      calls.push({ method, authorization: request.headers.authorization });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, ...answer(method) }));
    });
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, calls };
}

async function methodOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return z.object({ method: z.string() }).parse(JSON.parse(body)).method;
}

const well = (): Answer => ({ result: "0x1" });

/** As the providers word it; none of it says anything of the request. */
const TROUBLE: readonly (readonly [who: string, code: number, message: string])[] = [
  ["QuickNode, at its limit", -32_007, "50/second request limit reached - reduce calls per second"],
  ["QuickNode, of a method", -32_012, "credits limited to 0/30s"],
  ["Chainstack", -32_005, "You've exceeded the RPS limit available on the current plan"],
  ["Alchemy", 429, "Your app has exceeded its compute units per second capacity"],
  ["Infura", -32_005, "daily request count exceeded, request rate limited"],
  ["a gateway", -32_603, "Internal JSON-RPC error."],
  ["proxyd without backends", -32_011, "no backends available for method"],
  ["proxyd, consensus", -32_019, "block is out of range"],
  ["proxyd, timed out", -32_020, "backend response too large"],
  ["geth, pruned", -32_000, "missing trie node 9f8c (path ) state 0x12 is not available"],
  ["geth, behind", -32_000, "header not found"],
  ["erigon, behind", -32_000, "block not found: 1234"],
  ["nethermind", -32_001, "Resource not found"],
  ["besu", -32_000, "World state unavailable"],
  ["a node that lacks a method", -32_601, "the method eth_call does not exist/is not available"],
  ["nobody has heard of this", -39_999, "the hamster has left its wheel"],
];

test.each(TROUBLE)("%s: another endpoint is asked", async (_who, code, message) => {
  const bad = await startNode(() => ({ error: { code, message } }));
  const good = await startNode(well);
  const both = new JsonRpc({ endpoints: [bad.url, good.url] });
  expect(await both.call(z.string(), "eth_call", [])).toBe("0x1");
  const alone = new JsonRpc({ endpoints: [bad.url] });
  await expect(alone.call(z.string(), "eth_call", [])).rejects.toMatchObject({
    code: "rpc_unavailable",
    kind: "retry",
  });
});

/** What a contract said, or made of what it was given: so it is whoever is asked. */
const SAID: readonly (readonly [who: string, code: number, message: string, data?: string])[] = [
  ["geth", 3, "execution reverted: not yours", "0x08c379a0"],
  ["geth, without data", 3, "execution reverted"],
  ["erigon", -32_000, "execution reverted"],
  ["OpenEthereum", -32_015, "VM execution error.", "Reverted 0x"],
  ["Hardhat", -32_603, "Error: VM Exception while processing transaction: reverted"],
  ["a node without gas", -32_000, "out of gas"],
  ["a contract that fails", -32_000, "invalid opcode: INVALID"],
  ["geth, a write in a read", -32_000, "write protection"],
  ["anvil and reth", -32_603, "EVM error InvalidFEOpcode"],
  ["anvil, without gas", -32_603, "EVM error OutOfGas"],
  ["an account without money", -32_000, "insufficient funds for gas * price + value"],
];

test.each(SAID.map(([who, code, message, data]) => ({ who, code, message, data })))(
  "$who: what the contract said is an answer",
  async ({ code, message, data }) => {
    const node = await startNode(() => ({ error: { code, message, data } }));
    const other = await startNode(well);
    const rpc = new JsonRpc({ endpoints: [node.url, other.url] });
    const asking = rpc.call(z.string(), "eth_call", []);
    await expect(asking).rejects.toBeInstanceOf(RpcError);
    await expect(asking).rejects.toMatchObject({ code, data });
    expect(other.calls).toEqual([]);
  },
);

test("credentials of an address go into a header, and no error tells the address", async () => {
  const node = await startNode(well);
  const address = `http://tester:s%C3%A9cret@${node.host}/v3/key-of-the-provider`;
  const rpc = new JsonRpc({ endpoints: [address] });
  expect(await rpc.call(z.string(), "eth_blockNumber", [])).toBe("0x1");
  expect(node.calls[0]?.authorization).toBe(
    `Basic ${Buffer.from("tester:sécret").toString("base64")}`,
  );
  const away = new JsonRpc({ endpoints: ["http://tester:secret@127.0.0.1:1/v3/key"] });
  const error: unknown = await away
    .call(z.string(), "eth_blockNumber", [])
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(Error);
  const told: string[] = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause) told.push(String(one));
  expect(told.join()).not.toMatch(/secret|v3|key/);
});

test("a send waits for no question of the chain once an endpoint was seen to serve it, and is asked after a refusal", async () => {
  let chain = "0x1";
  const node = await startNode((method) => ({ result: method === "eth_chainId" ? chain : "0x10" }));
  const rpc = new JsonRpc({ endpoints: [node.url] });
  rpc.pin(1);
  await Promise.all([
    rpc.callEndpoint(0, "eth_blockNumber", []),
    rpc.callEndpoint(0, "eth_gasPrice", []),
  ]);
  // Both waited for one answer.
  expect(node.calls.filter((one) => one.method === "eth_chainId")).toHaveLength(1);
  chain = "0x2";
  expect(await rpc.isOurs(0)).toBe(false);
  chain = "0x1";
  expect(await rpc.isOurs(0)).toBe(true);
  const before = node.calls.length;
  const now = performance.now.bind(performance);
  const later = jest.spyOn(performance, "now").mockImplementation(() => now() + 60_000);
  await rpc.callEndpoint(0, "eth_sendRawTransaction", ["0x02"]);
  await rpc.callEndpoint(0, "eth_blockNumber", []);
  later.mockRestore();
  expect(node.calls.slice(before).map((one) => one.method)).toEqual([
    "eth_sendRawTransaction",
    "eth_chainId",
    "eth_blockNumber",
  ]);
});

test("an endpoint that serves another chain for a while is set aside, and comes back", async () => {
  let chain = "0x1";
  const strange = await startNode((method) => ({
    result: method === "eth_chainId" ? chain : `0x${chain.slice(2)}0`,
  }));
  const good = await startNode((method) => ({ result: method === "eth_chainId" ? "0x1" : "0x10" }));
  const rpc = new JsonRpc({ endpoints: [strange.url, good.url] });
  rpc.pin(1);
  const ask = (): Promise<string> => rpc.call(z.string(), "eth_blockNumber", []);
  expect(await ask()).toBe("0x10");
  chain = "0x2";
  // Something that only another chain could cause was seen.
  rpc.doubtChain();
  const before = strange.calls.length;
  expect(await ask()).toBe("0x10");
  expect(strange.calls.slice(before).map((one) => one.method)).toEqual(["eth_chainId"]);
  const alone = new JsonRpc({ endpoints: [strange.url] });
  alone.pin(1);
  await expect(alone.call(z.string(), "eth_blockNumber", [])).rejects.toMatchObject({
    code: "wrong_chain",
  });
  chain = "0x1";
  expect(await alone.call(z.string(), "eth_blockNumber", [])).toBe("0x10");
});
