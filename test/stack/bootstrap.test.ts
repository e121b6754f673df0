import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcessRecords } from "../../dev/stack/leftovers.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { runs } from "../../dev/stack/process-identity.ts";
import { waitFor } from "../../dev/stack/wait.ts";

let folder: string;
let npm: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-bootstrap-"));
});
afterEach(() => {
  npm?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const records = (): number[] =>
  Object.values(readProcessRecords(join(folder, "processes.json"))).map((record) => record.pid);

test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "%s to npm leaves no process of the stack",
  async (signal) => {
    const args = ["run", "dev", "--", "--free-ports", "--no-app", "--data-dir", folder];
    npm = spawn("npm", args, { cwd: repositoryRoot, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    npm.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await waitFor(() => output.includes("Ctrl-C stops everything"), {
      what: "the stack",
      timeoutMs: 120_000,
    });
    const pids = records();
    expect(pids.length).toBeGreaterThanOrEqual(4);
    npm.kill(signal);
    await waitFor(() => !pids.some(runs), {
      what: `${pids.join(", ")} to be gone`,
      timeoutMs: 60_000,
    });
  },
  180_000,
);

test("arguments and the exit code go through, and the last line counts", async () => {
  const run = spawn("npm", ["test", "--", "stack/gate", "-t", "no test has this name"], {
    cwd: repositoryRoot,
  });
  let output = "";
  run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(run, "close");
  expect(output).toContain("No test has such a name.");
  expect(output.trimEnd().split("\n").at(-1)).toBe("0 passed, 1 failed");
  expect(code).toBe(1);
});

test("an unknown command names those there are", async () => {
  const run = spawn("node", [join(repositoryRoot, "scripts/run.mjs"), "dmo"]);
  let errors = "";
  run.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  expect(await once(run, "close")).toEqual([1, null]);
  expect(errors).toContain("Unknown command dmo. There are: demo, dev, test, test:soak, start");
});

test("a command of operators says nothing but its answer, with a .env or without", async () => {
  const run = spawn("node", [join(repositoryRoot, "scripts/run.mjs"), "ops", "--help"]);
  let errors = "";
  run.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  expect(await once(run, "close")).toEqual([0, null]);
  expect(errors).toBe("");
});

test("packages behind a link are another checkout's: npm ci would delete them", async () => {
  const copy = join(folder, "checkout");
  for (const file of [
    "package.json",
    "package-lock.json",
    "scripts/run.mjs",
    "scripts/install.mjs",
  ])
    cpSync(join(repositoryRoot, file), join(copy, file));
  mkdirSync(join(copy, "src"));
  writeFileSync(join(copy, "src/cron.ts"), "");
  mkdirSync(join(folder, "theirs/package"), { recursive: true });
  symlinkSync(join(folder, "theirs"), join(copy, "node_modules"));

  const run = spawn("node", [join(copy, "scripts/run.mjs"), "cron"]);
  let errors = "";
  run.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  expect(await once(run, "close")).toEqual([1, null]);
  expect(errors).toContain("is a link to");
  expect(readdirSync(join(folder, "theirs"))).toEqual(["package"]);
});
