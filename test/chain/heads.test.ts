import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { HeadStream, type HeadStreamOptions } from "../../src/chain/heads.ts";
import { type Anvil, startAnvil } from "../support/anvil.ts";
import { testLogger } from "../support/logs.ts";
import { withoutHeads } from "../faults/sockets.ts";
import { FaultProxy } from "../faults/proxy.ts";
import { until } from "../workflows/world.ts";

let anvil: Anvil;
let proxy: FaultProxy;
let heads: number[];
let reconnects: number;
let stalls: number;
let stream: HeadStream;

beforeAll(async () => {
  anvil = await startAnvil();
});
afterAll(() => anvil.stop());
beforeEach(async () => {
  proxy = await FaultProxy.start({ rpcUrl: anvil.rpcUrl, wsUrl: anvil.wsUrl, sockets: 1 });
  [heads, reconnects, stalls] = [[], 0, 0];
});
afterEach(async () => {
  stream.close();
  await proxy.close();
});

const socket = () => {
  const [one] = proxy.sockets;
  if (one === undefined) throw new Error("the proxy has no socket");
  return one;
};

function follow(options: Partial<HeadStreamOptions> = {}): HeadStream {
  stream = new HeadStream({
    endpoint: socket().url,
    blockTimeMs: () => 100,
    onHead: (number) => heads.push(number),
    onReconnect: () => (reconnects += 1),
    onStall: () => (stalls += 1),
    logger: testLogger(),
    minBackoffMs: 20,
    maxBackoffMs: 100,
    ...options,
  });
  stream.start();
  return stream;
}

async function rpc(method: string): Promise<number> {
  const response = await fetch(anvil.rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] }),
  });
  const { result } = (await response.json()) as { result: string };
  return Number(result);
}

/** A new block, told to the stream as a poller does; the block's number. */
async function mine(): Promise<number> {
  await rpc("evm_mine");
  const head = await rpc("eth_blockNumber");
  stream.noteHttpHead(head);
  return head;
}

/** Blocks come until the stream is told of one. */
const untilHealthy = (): Promise<unknown> =>
  until("the socket to tell of a block", async () => {
    await mine();
    return stream.healthy;
  });

test("each block wakes, and the stream is healthy from the first one on", async () => {
  follow();
  expect(stream.healthy).toBe(false);
  await untilHealthy();
  const head = await mine();
  await until("the wake-up", () => heads.includes(head));
  expect(stream.healthy).toBe(true);
  expect({ reconnects, stalls }).toEqual({ reconnects: 0, stalls: 0 });
});

test("a chain that stands still is no silent socket", async () => {
  follow({ blockTimeMs: () => 1 });
  await untilHealthy();
  const head = await rpc("eth_blockNumber");
  await until("the last wake-up", () => heads.includes(head));
  for (let poll = 0; poll < 20; poll += 1) {
    stream.noteHttpHead(head);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect({ stalls, healthy: stream.healthy }).toEqual({ stalls: 0, healthy: true });
});

test.each(["silent", "without heads"] as const)(
  "a socket that is %s is found by HTTP's head and opened anew",
  async (how) => {
    follow();
    await untilHealthy();
    if (how === "silent") socket().mode = "silent";
    else socket().transform = withoutHeads;
    await until("the silence to be noticed", async () => {
      await mine();
      return stalls > 0;
    });
    expect(stream.healthy).toBe(false);
    expect(reconnects).toBeGreaterThan(0);
    socket().mode = "normal";
    socket().transform = (message) => message;
    await untilHealthy();
  },
);

test("a connection that is reset is opened again, and one that cannot be opened is tried until it can", async () => {
  follow();
  await untilHealthy();
  socket().reset();
  await until("the loss to be noticed", () => reconnects > 0);
  expect(stream.healthy).toBe(false);
  await untilHealthy();

  stream.close();
  // Nobody listens at this port any more.
  const gone = await server(() => undefined);
  await gone.close();
  reconnects = 0;
  follow({ endpoint: gone.url });
  await until("several attempts", () => reconnects > 3);
  expect(stream.healthy).toBe(false);
});

test("a subscription that is refused is asked for again, more and more rarely", async () => {
  socket().transform = (message) =>
    (message as { id?: number }).id === 1
      ? { jsonrpc: "2.0", id: 1, error: { code: -32_000, message: "notifications not supported" } }
      : message;
  follow();
  await until("several attempts", () => reconnects > 3);
  expect(stream.healthy).toBe(false);
  socket().transform = (message) => message;
  await untilHealthy();
});

test("what is no head is passed over, and a wake-up that throws harms nothing", async () => {
  let thrown = 0;
  follow({
    onHead: (number) => {
      heads.push(number);
      thrown += 1;
      throw new Error("the poller is busy");
    },
  });
  await untilHealthy();
  for (const garbage of [
    "no JSON-RPC",
    7,
    null,
    [],
    { id: 9, result: "0x1" },
    { method: "eth_subscription", params: { result: { number: "many" } } },
    { method: "eth_subscription", params: null },
  ])
    socket().inject(garbage);
  const head = await mine();
  await until("the wake-up", () => heads.includes(head));
  expect(thrown).toBe(heads.length);
  expect(reconnects).toBe(0);
});

/** A server that does what it is told with a connection that wants to become a WebSocket. */
async function server(
  onUpgrade: (socket: Socket, key: string) => void,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const one: Server = createServer((_request, response) => response.writeHead(404).end());
  one.on("upgrade", (request, connection: Socket) => {
    sockets.add(connection);
    connection.on("error", () => undefined);
    onUpgrade(connection, String(request.headers["sec-websocket-key"]));
  });
  await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${(one.address() as AddressInfo).port}`,
    close: async () => {
      for (const connection of sockets) connection.destroy();
      await new Promise((resolve) => one.close(resolve));
    },
  };
}

test("an endpoint that is no WebSocket, or speaks garbage, is left and tried again", async () => {
  let upgrades = 0;
  const garbage = await server((connection) => {
    upgrades += 1;
    connection.end(
      upgrades % 2 === 0 ? "HTTP/1.1 200 OK\r\n\r\n" : Buffer.from([0xff, 0xff, 0x00, 0x13]),
    );
  });
  follow({ endpoint: garbage.url });
  await until("several attempts", () => upgrades > 3);
  expect({ heads, healthy: stream.healthy }).toEqual({ heads: [], healthy: false });
  await garbage.close();
});

test("close ends it for good", async () => {
  follow();
  await untilHealthy();
  stream.close();
  await until("the connection to end", () => socket().connections === 0);
  const before = heads.length;
  await mine();
  stream.noteHttpHead(1_000_000);
  expect({ heads: heads.length, healthy: stream.healthy, reconnects, stalls }).toEqual({
    heads: before,
    healthy: false,
    reconnects: 0,
    stalls: 0,
  });
});
