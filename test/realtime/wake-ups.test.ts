// With a real Redis a node whose own connection for notifications is gone is woken by the others.
import { type ChildProcess, spawn } from "node:child_process";
import { once as exitOf } from "node:events";
import { connect as connectTo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { freePorts } from "../../dev/stack/ports.ts";
import { waitFor } from "../../dev/stack/wait.ts";
import { createWakeUps, type WakeUps } from "../../src/api/realtime/wake-ups.ts";
import { EventTailer } from "../../src/api/realtime/tailer.ts";
import { createTestWorld, type TestWorld } from "../support/api.ts";
import { testLogger } from "../support/logs.ts";
import { testWith } from "../deployment/tools.ts";
import { kind, tell } from "./support.ts";

const redisTest = testWith("redis-server");
let port: number;
let redis: ChildProcess | undefined;
let world: TestWorld;

async function startRedis(): Promise<void> {
  redis = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], {
    stdio: "ignore",
  });
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTo(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
  await waitFor(answers, { what: "redis-server", timeoutMs: 20_000 });
}

async function stopRedis(): Promise<void> {
  if (redis === undefined || redis.exitCode !== null) return;
  const exited = exitOf(redis, "exit");
  redis.kill("SIGKILL");
  await exited;
}

beforeAll(async () => {
  if (redisTest !== test) return;
  world = await createTestWorld();
  port = (await freePorts()).anvil;
  await startRedis();
});
afterAll(async () => {
  await stopRedis();
  await world?.close();
});

redisTest("what one node has read wakes the other, before and after Redis was away", async () => {
  const nodes: { wakeUps: WakeUps; tailer: EventTailer; heard: number[]; woken: number[] }[] = [];
  for (let n = 0; n < 2; n += 1) {
    const wakeUps = createWakeUps(`redis://127.0.0.1:${port}`, testLogger());
    const [heard, woken]: [number[], number[]] = [[], []];
    wakeUps.subscribe((seq) => woken.push(seq));
    const onEvent = ({ seq }: { seq: number }): void => void heard.push(seq);
    const tailer = new EventTailer({ db: world.db, logger: testLogger(), onEvent, wakeUps });
    nodes.push({ wakeUps, tailer, heard, woken });
  }
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error("there are no two nodes");
  // The first follows the table; the second hears of it by Redis alone.
  await first.tailer.start();
  const type = kind();
  const untilWoken = (): Promise<unknown> =>
    waitFor(
      async () => {
        await tell(world.db, type, ["public"]);
        return second.woken.length > 0 && second.woken.at(-1) === first.heard.at(-1);
      },
      { what: "a node to be woken by another", timeoutMs: 60_000 },
    );
  await untilWoken();
  await stopRedis();
  second.woken.length = 0;
  const before = first.heard.length;
  await tell(world.db, type, ["public"]);
  // Redis is away, Postgres is not.
  await waitFor(() => first.heard.length > before, { what: "an event", timeoutMs: 20_000 });
  expect(second.woken).toEqual([]);
  await startRedis();
  await untilWoken();
  for (const { tailer, wakeUps } of nodes) {
    await tailer.close();
    await wakeUps.close();
  }
});
