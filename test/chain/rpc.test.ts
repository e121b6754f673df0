// The connection to a node, which the node may close at any time.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { z } from "zod";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { HexData } from "../../src/chain/types.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A node that closes the connection in place of its n-th answers; `asked` are the methods that reached it. */
async function startNode(closesAt: readonly number[]): Promise<{ rpc: JsonRpc; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void methodOf(request).then((method) => {
      asked.push(method);
      if (closesAt.includes(asked.length)) request.socket.destroy();
      else response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: "0x1" }));
    });
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { rpc: new JsonRpc({ endpoints: [`http://127.0.0.1:${port}`] }), asked };
}

async function methodOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return z.object({ method: z.string() }).parse(JSON.parse(body)).method;
}

test("a question is asked once more when the node closes the connection that was kept", async () => {
  const { rpc, asked } = await startNode([2]);
  for (let n = 0; n < 2; n += 1) await rpc.call(z.string(), "eth_blockNumber", []);
  expect(asked).toEqual(Array(3).fill("eth_blockNumber"));
});

test("a node that closes every connection does not answer", async () => {
  const { rpc, asked } = await startNode([1, 2, 3]);
  const asking = rpc.call(z.string(), "eth_blockNumber", []);
  await expect(asking).rejects.toMatchObject({ code: "rpc_unavailable" });
  expect(asked).toHaveLength(2);
});

test("a transaction is never sent twice by itself: whether it arrived is looked up", async () => {
  const { rpc, asked } = await startNode([2]);
  await rpc.call(z.string(), "eth_blockNumber", []);
  const sending = rpc.call(z.string(), "eth_sendRawTransaction", ["0x00"]);
  await expect(sending).rejects.toMatchObject({ code: "rpc_unavailable" });
  expect(asked).toEqual(["eth_blockNumber", "eth_sendRawTransaction"]);
});

test("megabytes are read like any other bytes, and half a byte is none", () => {
  const long = `0x${"aB".repeat(8 * 1_048_576)}`;
  expect(HexData.safeParse(long).success).toBe(true);
  for (const wrong of ["", "0", "0x0", "0xzz", "0x00\n", `${long}0`])
    expect([wrong.slice(0, 9), HexData.safeParse(wrong).success]).toEqual([
      wrong.slice(0, 9),
      false,
    ]);
});
