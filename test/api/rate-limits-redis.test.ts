// With a real Redis the nodes share what they count, and without it each goes on by itself.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, test } from "@jest/globals";
import { freePorts } from "../../dev/stack/ports.ts";
import { waitFor } from "../../dev/stack/wait.ts";
import { createRateLimits, type RateLimits } from "../../src/api/limits/rate-limits.ts";
import { testWith } from "../deployment/tools.ts";
import { startDarkProxy } from "../support/dark-proxy.ts";
import { testLogger } from "../support/logs.ts";

const redisTest = testWith("redis-server");
let port: number;
let redis: ChildProcess | undefined;

async function startRedis(): Promise<void> {
  redis = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], {
    stdio: "ignore",
  });
  await waitFor(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
        socket.once("error", () => resolve(false));
      }),
    { what: "redis-server", timeoutMs: 180_000 },
  );
}
async function stopRedis(): Promise<void> {
  if (redis === undefined || redis.exitCode !== null) return;
  const exited = once(redis, "exit");
  redis.kill("SIGKILL");
  await exited;
}

beforeAll(async () => {
  if (redisTest !== test) return;
  port = (await freePorts()).anvil;
  await startRedis();
});
afterAll(() => stopRedis());

const node = (redisUrl = `redis://127.0.0.1:${port}`): RateLimits =>
  createRateLimits({
    quotas: { read: 3, write: 3, auth: 3, integration: 3, refused: 3 },
    redisUrl,
    logger: testLogger(),
  });

redisTest(
  "two nodes count together, go on alone while Redis is away, and together again after",
  async () => {
    const [one, other] = [node(), node()];
    let caller = 0;
    /** How many of six requests of a new caller, in turn at both nodes, are let through. */
    const admitted = async (): Promise<number> => {
      caller += 1;
      let count = 0;
      for (let turn = 0; turn < 3; turn += 1)
        for (const limits of [one, other])
          count += await limits.take("read", `caller-${caller}`).then(
            () => 1,
            () => 0,
          );
      return count;
    };
    const untilAdmitted = (wanted: number, what: string): Promise<unknown> =>
      waitFor(async () => (await admitted()) === wanted, { what, timeoutMs: 180_000 });
    await untilAdmitted(3, "both nodes to be connected");
    await stopRedis();
    await untilAdmitted(6, "each node to count for itself");
    await startRedis();
    await untilAdmitted(3, "both nodes to count together again");
    await one.close();
    await other.close();
  },
);

redisTest(
  "a connection to Redis that falls silent keeps no request waiting, and is made again",
  async () => {
    const proxy = await startDarkProxy(`127.0.0.1:${port}`);
    const limits = node(`redis://127.0.0.1:${proxy.port}`);
    const take = (caller: string): Promise<unknown> => limits.take("read", caller);
    await waitFor(() => proxy.accepted > 0, { what: "a connection", timeoutMs: 180_000 });
    await take("somebody");
    proxy.goDark();
    // It is answered at all: nothing else ends it.
    await take("somebody");
    await waitFor(() => proxy.accepted > 1, { what: "a new connection", timeoutMs: 180_000 });
    // Silent again, perhaps before the two have greeted each other.
    proxy.goDark();
    await waitFor(() => proxy.accepted > 2, { what: "another connection", timeoutMs: 180_000 });
    await take("somebody");
    await limits.close();
    await proxy.close();
  },
);

test("a Redis that takes a connection and never greets is asked again over another one", async () => {
  let taken = 0;
  const silent = createServer(() => void (taken += 1)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const limits = node(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  // Requests are counted here meanwhile.
  await limits.take("read", "somebody");
  await waitFor(() => taken > 1, { what: "another connection", timeoutMs: 180_000 });
  await limits.close();
  silent.close();
});
