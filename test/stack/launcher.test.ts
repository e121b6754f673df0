import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcessRecords } from "../../dev/stack/leftovers.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { runs } from "../../dev/stack/process-identity.ts";
import { waitFor } from "../../dev/stack/wait.ts";

// The real launcher with the real parts, without the product.

let folder: string;
const launchers: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-launcher-"));
});
afterAll(async () => {
  for (const launcher of launchers) launcher.kill("SIGKILL");
  await waitFor(() => !pids().some(runs), { what: "the processes to be gone", timeoutMs: 60_000 });
  rmSync(folder, { recursive: true, force: true });
}, 90_000);

const pids = (): number[] =>
  Object.values(readProcessRecords(join(folder, "processes.json"))).map((record) => record.pid);

/** Starts `npm run dev` on free ports and settles when it says that it is ready. */
async function launch(): Promise<{ launcher: ChildProcess; output: () => string; pids: number[] }> {
  const args = [
    join(repositoryRoot, "dev/dev.ts"),
    "--free-ports",
    "--no-app",
    "--data-dir",
    folder,
  ];
  const launcher = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CI: "1" },
  });
  launchers.push(launcher);
  let text = "";
  for (const stream of [launcher.stdout, launcher.stderr]) {
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  }
  await waitFor(
    () => {
      if (launcher.exitCode !== null) throw new Error(text);
      return text.includes("Ctrl-C stops everything");
    },
    { what: "the launcher to be ready", timeoutMs: 120_000 },
  );
  return { launcher, output: () => text, pids: pids() };
}

const gone = (list: readonly number[]): Promise<true> =>
  waitFor(() => (list.some(runs) ? undefined : true), {
    what: `${list.join(", ")} to be gone`,
    timeoutMs: 60_000,
  });

const address = (): unknown =>
  JSON.parse(readFileSync(join(folder, "stack.json"), "utf8")).contracts.auctionAddress;

test("Ctrl-C leaves no process, a kill leaves none either, and the next start continues", async () => {
  const first = await launch();
  expect(first.pids.length).toBeGreaterThanOrEqual(4); // Postgres, Temporal, the chain, the guard
  expect(first.output()).toContain("Postgres    postgres://app:app@127.0.0.1:");
  const deployed = address();

  // A second launcher on the same data is refused, and harms nothing.
  const rival = spawn(
    process.execPath,
    [join(repositoryRoot, "dev/dev.ts"), "--free-ports", "--no-app", "--data-dir", folder],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  launchers.push(rival);
  let refusal = "";
  rival.stderr.on("data", (chunk: Buffer) => (refusal += chunk.toString()));
  expect(await once(rival, "close")).toEqual([1, null]);
  expect(refusal).toContain(`is in use by process ${first.launcher.pid}`);
  expect(first.pids.every(runs)).toBe(true);

  const exit = once(first.launcher, "exit");
  first.launcher.kill("SIGINT");
  expect(await exit).toEqual([0, null]);
  await gone(first.pids);

  const second = await launch();
  expect(address()).toBe(deployed);
  second.launcher.kill("SIGKILL");
  // At once, while the guard of the killed one is still ending its processes.
  const third = await launch();
  await gone(second.pids);
  expect(address()).toBe(deployed);
  const end = once(third.launcher, "exit");
  third.launcher.kill("SIGTERM");
  expect(await end).toEqual([0, null]);
  await gone(third.pids);
}, 180_000);
