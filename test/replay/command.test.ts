/** `npm run replay` as a process, against a real server: histories that fit, then a changed workflow, sealed payloads included. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { payloadKeys } from "../../src/config-parsers.ts";
import { createPayloadCodec } from "../../src/codec.ts";
import { getTestTemporal } from "../support/stack.ts";
import { SALE, startAuction, type TestAuction } from "../workflows/auctions.ts";
import { bundleOther, createWorld, until, type World } from "../workflows/world.ts";

const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;

let world: World;
let folder: string;
let asleep: TestAuction;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-replay-"));
  const dataConverter = { payloadCodecs: [createPayloadCodec(payloadKeys(KEYS))] };
  world = await createWorld({ ...(await getTestTemporal()), dataConverter });
  await world.startWorkers();
  asleep = await startAuction(world, { endsInMs: 3_600_000 });
  await asleep.state(() => true);
  const unsold = await startAuction(world);
  await until("the request", () => unsold.requestedEnds.length > 0);
  await unsold.settle("end");
  await unsold.handle.result();
  const sold = await startAuction(world);
  await until("the request", () => sold.requestedEnds.length > 0);
  await sold.settle("end", SALE);
  await until("the meeting", () => sold.steps.includes("arrangeMeeting"));
  await sold.settle("mint");
  await sold.handle.result();
  await until("the server to list them", async () => {
    const { count } = await world.client.workflow.count('ExecutionStatus = "Completed"');
    return count >= 2;
  });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

async function replay(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { TEMPORAL_PAYLOAD_KEYS: KEYS },
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(repositoryRoot, "src/replay.ts"), ...args], {
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

const from = (): string[] => ["--from", world.address, "--namespace", world.namespace];

// The processes run beside each other: each mostly waits, for a server or for a time-out.
test.concurrent("what really happened fits the code of this tree", async () => {
  const { code, output } = await replay(from());
  expect(output).toContain("auction, running: 1 replayed");
  expect(output).toContain("auction, closed: 2 replayed");
  expect(output).toContain("meeting, running: 1 replayed");
  expect(output).toMatch(/4 histories fit this code\n$/);
  expect(code).toBe(0);
});

test.concurrent("a changed workflow is refused, and each history that does not fit is named with what to do", async () => {
  const changed = await bundleOther(fileURLToPath(new URL("fixtures/changed.ts", import.meta.url)));
  const file = join(folder, "changed.js");
  if ("code" in changed) writeFileSync(file, changed.code);
  const env = { TEMPORAL_PAYLOAD_KEYS: KEYS, WORKFLOW_BUNDLE: file };
  const { code, output } = await replay([...from(), "--limit", "1"], env);
  expect(output).toContain("auction, running: 1 replayed, 1 DO NOT FIT");
  expect(output).toContain("auction, closed: 1 replayed, 1 DO NOT FIT");
  expect(output).toContain("meeting, running: 1 replayed\n");
  expect(output).toContain(`MISMATCH ${asleep.id} (auction, run `);
  expect(output).toContain("begin behind patched(…)");
  expect(output).toContain("2 of 3 histories do not fit this code: do not deploy it");
  expect(code).toBe(1);
});

test.concurrent.each([
  [
    "without the keys",
    [],
    {},
    "look: a payload is sealed with the key k1, which is not among TEMPORAL_PAYLOAD_KEYS\n",
  ],
  ["a limit that is none", ["--limit", "0"], {}, "--limit is a whole number"],
  ["a time that is none", ["--since", "soon"], {}, "--since soon is no time"],
  ["a server that is away", ["--from", "127.0.0.1:1"], {}, "npm run replay could not look"],
] as const)("%s: nobody is told that it fits", async (_name, args, env, said) => {
  const { code, output } = await replay([...from(), ...args], env);
  expect(output).toContain(said);
  expect(code).toBe(2);
});
