import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StackError } from "../../dev/stack/errors.ts";
import { endLeftovers, readProcessRecords } from "../../dev/stack/leftovers.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { runs } from "../../dev/stack/process-identity.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { waitFor } from "../../dev/stack/wait.ts";

let folder: string;
const launchers: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-processes-"));
});
afterEach(() => {
  for (const launcher of launchers.splice(0)) launcher.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const SLEEP = "setInterval(() => {}, 1000)";
const until = (what: string, condition: () => boolean): Promise<true> =>
  waitFor(() => (condition() ? true : undefined), { what, timeoutMs: 30_000 });
const gone = (pids: readonly number[]): Promise<true> =>
  until(`processes ${pids.join(", ")} to be gone`, () => !pids.some(runs));

/** A launcher in a process of its own that starts `children` (name → program) and then says "ready". */
async function launch(
  children: Readonly<Record<string, string>>,
): Promise<{ launcher: ChildProcess; pids: number[] }> {
  const program = join(folder, "launcher.ts");
  const module = (name: string): string => JSON.stringify(join(repositoryRoot, "dev/stack", name));
  writeFileSync(
    program,
    `import { createProcesses } from ${module("processes.ts")};
     import { stopOnSignals } from ${module("signals.ts")};
     const processes = createProcesses({ logDir: ${JSON.stringify(folder)}, pidFile: ${JSON.stringify(pidFile())} });
     stopOnSignals({ stop: processes.stopAll, force: processes.killAll });
     for (const [name, source] of Object.entries(${JSON.stringify(children)}))
       processes.spawn({ name, command: process.execPath, args: ["-e", source], graceMs: 500 });
     process.stdout.write("ready\\n");`,
  );
  const launcher = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  launchers.push(launcher);
  if (launcher.stdout !== null) await once(launcher.stdout, "data");
  const pids = Object.values(readProcessRecords(pidFile())).map((record) => record.pid);
  expect(pids).toHaveLength(Object.keys(children).length + 1); // and the guard
  return { launcher, pids };
}

const pidFile = (): string => join(folder, "processes.json");

test("children and their guard are gone after the launcher was killed with SIGKILL", async () => {
  const { launcher, pids } = await launch({ one: SLEEP, two: SLEEP });
  launcher.kill("SIGKILL");
  await gone(pids);
});

test("a child that ignores SIGTERM is gone too, and so is what it started itself", async () => {
  const grandchild = join(folder, "grandchild");
  const stubborn = `process.on("SIGTERM", () => {});
    const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(SLEEP)}]);
    require("node:fs").writeFileSync(${JSON.stringify(grandchild)}, String(child.pid)); ${SLEEP}`;
  const { launcher, pids } = await launch({ stubborn });
  const grandchildPid = (): number => Number(readFileSync(grandchild, "utf8"));
  await waitFor(() => grandchildPid() > 0, { what: "the grandchild", timeoutMs: 30_000 });
  launcher.kill("SIGKILL");
  await gone([...pids, grandchildPid()]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends everything, the last started first",
  async (signal) => {
    const order = join(folder, "order");
    const noting = (name: string): string =>
      `process.on("SIGTERM", () => { require("node:fs").appendFileSync(${JSON.stringify(order)}, "${name} "); process.exit(); });
     require("node:fs").writeFileSync(${JSON.stringify(join(folder, name))}, ""); ${SLEEP}`;
    const { launcher, pids } = await launch({
      first: noting("first"),
      second: noting("second"),
      third: noting("third"),
    });
    for (const name of ["first", "second", "third"]) {
      await waitFor(() => readFileSync(join(folder, name), "utf8") === "", {
        what: name,
        timeoutMs: 30_000,
      });
    }
    const exit = once(launcher, "exit");
    launcher.kill(signal);
    expect(await exit).toEqual([0, null]);
    expect(readFileSync(order, "utf8")).toBe("third second first ");
    await gone(pids);
  },
);

test("an error that nobody caught ends everything, with exit code 1", async () => {
  const { launcher, pids } = await launch({ one: SLEEP });
  const broken = await launchBroken();
  expect(broken.code).toBe(1);
  await gone(broken.pids);
  expect(pids.every(runs)).toBe(true); // somebody else's
  launcher.kill("SIGTERM");
  await gone(pids);
});

async function launchBroken(): Promise<{ code: number | null; pids: number[] }> {
  const program = join(folder, "broken.ts");
  const module = (name: string): string => JSON.stringify(join(repositoryRoot, "dev/stack", name));
  writeFileSync(
    program,
    `import { createProcesses } from ${module("processes.ts")};
     import { stopOnSignals } from ${module("signals.ts")};
     const processes = createProcesses({ logDir: ${JSON.stringify(folder)} });
     stopOnSignals({ stop: processes.stopAll, force: processes.killAll });
     const child = processes.spawn({ name: "child", command: process.execPath, args: ["-e", ${JSON.stringify(SLEEP)}] });
     process.stdout.write(String(child.pid));
     setImmediate(() => { throw new Error("nobody catches this"); });`,
  );
  const launcher = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  launcher.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let errors = "";
  launcher.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await once(launcher, "close");
  expect(errors).toContain("nobody catches this");
  return { code: launcher.exitCode, pids: [Number(output)] };
}

test("a program that ends early fails the wait for it, with its log", async () => {
  const processes = createProcesses({ logDir: folder });
  try {
    const source = `process.stderr.write("the reason"); process.exit(3)`;
    const child = processes.spawn({
      name: "early",
      command: process.execPath,
      args: ["-e", source],
    });
    const failure = await waitFor(() => false, {
      what: "something",
      timeoutMs: 30_000,
      by: child,
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StackError);
    expect(failure).toMatchObject({
      message: "early ended (exit code 3) while waiting for something",
    });
    expect(readFileSync(child.logFile, "utf8")).toBe("the reason");
  } finally {
    await processes.stopAll();
  }
});

test("a program that does not exist is named", () => {
  const processes = createProcesses({ logDir: folder });
  expect(() => processes.spawn({ name: "ghost", command: "/no/such/program", args: [] })).toThrow(
    /ghost could not be started: \/no\/such\/program/,
  );
});

test("nothing is started any more once the stop began", async () => {
  const processes = createProcesses({ logDir: folder });
  await processes.stopAll();
  expect(() => processes.spawn({ name: "late", command: process.execPath, args: [] })).toThrow(
    /is stopping/,
  );
});

test("what a killed launcher and its killed guard left running is ended by id, and nothing else", async () => {
  const { launcher, pids } = await launch({ one: SLEEP, two: SLEEP });
  const records = readProcessRecords(pidFile());
  process.kill(records["guard"]?.pid ?? 0, "SIGKILL");
  launcher.kill("SIGKILL");
  await until("the guard to be gone", () => !runs(records["guard"]?.pid ?? 0));
  // An id that is in use again: its start time differs.
  const other = { pid: process.pid, startTime: "another time" };
  writeFileSync(pidFile(), JSON.stringify({ ...records, other }));
  await endLeftovers(pidFile());
  await gone(pids);
  expect(runs(process.pid)).toBe(true);
});
