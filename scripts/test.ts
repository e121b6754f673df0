// `npm test`: types, lint, format and every test file; the last line is `N passed, N failed`.
// `npm test -- NAME …` runs the test files whose path matches, and nothing else. Flags go to jest: `-t "a hole"`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";
import { createProcesses } from "../dev/stack/processes.ts";
import { stopOnSignals } from "../dev/stack/signals.ts";
import { splitTestArguments } from "./test-arguments.ts";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

const { names, flags } = splitTestArguments(process.argv.slice(2));

const folder = mkdtempSync(join(tmpdir(), "meeting-auction-npm-test-"));
const processes = createProcesses({ logDir: folder });
processes.removeIfKilled(folder);

async function stop(): Promise<void> {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
}
stopOnSignals({ stop, force: processes.killAll }, () => 130);

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** jest matches against whole paths; a name must match below test/, wherever the clone is. */
const patterns = names.map(
  (name) => `${escape(join(repositoryRoot, "test"))}/.*${name.replace(/^(\.\/)?test\//, "")}`,
);

const bin = (name: string): string => join(repositoryRoot, "node_modules/.bin", name);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a program with its output shown here, in a process group that ends with this process. */
async function runHere(
  name: string,
  command: string,
  args: readonly string[],
  env = process.env,
): Promise<boolean> {
  const child = processes.spawn({
    name,
    command,
    args,
    env,
    cwd: repositoryRoot,
    inheritOutput: true,
  });
  const { code } = await child.exited;
  return code === 0;
}

async function phase(name: string, run: () => Promise<Outcome>): Promise<Outcome> {
  print(`\n── ${name}`);
  const startMs = performance.now();
  const outcome = await run();
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  print(
    `── ${name}: ${outcome.failed === 0 ? "passed" : `${outcome.failed} failed`} in ${seconds} s`,
  );
  return outcome;
}

/** A phase that passes or fails as a whole. */
function check(name: string, command: string, args: readonly string[]): Promise<Outcome> {
  return phase(name, async () => {
    const passed = await runHere(name, bin(command), args);
    return passed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  });
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not even be loaded. */
  readonly numRuntimeErrorTestSuites: number;
  readonly success: boolean;
}

/** Files that load the machine so much that whatever runs beside them would fail for want of time. */
const HEAVY = ["test/replay/upgrade", "test/realtime/storm"].map((file) =>
  escape(join(repositoryRoot, file)),
);

interface TestRun {
  readonly files: readonly string[];
  readonly except?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** The machine may have two cores, and the servers of the tests need one. */
  readonly workers?: number;
}

function tests(
  name: string,
  { files, except = [], variables = {}, workers = 2 }: TestRun,
): Promise<Outcome> {
  return phase(name, async () => {
    const report = join(folder, "jest.json");
    rmSync(report, { force: true });
    const nodeOptions = `${process.env["NODE_OPTIONS"] ?? ""} --experimental-vm-modules --disable-warning=ExperimentalWarning`;
    const args = [
      join(repositoryRoot, "node_modules/jest/bin/jest.js"),
      "--json",
      `--outputFile=${report}`,
    ];
    // What a test forgot to close must not keep the run from ending; the servers are stopped before.
    // Flags come last: some take as many values as follow.
    args.push(`--maxWorkers=${workers}`, "--forceExit", ...files);
    args.push(...except.map((one) => `--testPathIgnorePatterns=${one}`), ...flags);
    const passed = await runHere("jest", process.execPath, args, {
      ...process.env,
      ...variables,
      NODE_OPTIONS: nodeOptions.trim(),
      NO_DEPRECATION: "*",
    });
    if (!existsSync(report)) return { passed: 0, failed: 1 }; // no such test file, or jest itself crashed
    const result: JestReport = JSON.parse(readFileSync(report, "utf8"));
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    const nothingRan = result.numPassedTests === 0 && failed === 0;
    if (nothingRan) print("No test has such a name.");
    return {
      passed: result.numPassedTests,
      failed: failed === 0 && (nothingRan || !passed) ? 1 : failed,
    };
  });
}

const outcomes: Outcome[] = [];
if (patterns.length === 0) {
  outcomes.push(await check("types", "tsc", ["--noEmit"]));
  outcomes.push(await check("lint", "oxlint", ["--type-aware"]));
  outcomes.push(await check("format", "oxfmt", ["--check"]));
}
if (patterns.length > 0) outcomes.push(await tests("tests", { files: patterns }));
else {
  outcomes.push(await tests("tests", { files: [], except: ["/node_modules/", ...HEAVY] }));
  outcomes.push(await tests("tests that need the machine", { files: HEAVY, workers: 1 }));
  // Once more with every workflow task replaying its whole history, as after a restart: what cannot be replayed fails here.
  outcomes.push(
    await tests("workflows without a cache", {
      files: [escape(join(repositoryRoot, "test/workflows/"))],
      variables: { TEST_MAX_CACHED_WORKFLOWS: "0" },
    }),
  );
}
await stop();
const sum = (key: keyof Outcome): number =>
  outcomes.reduce((total, outcome) => total + outcome[key], 0);
print(`\n${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") === 0 ? 0 : 1);
