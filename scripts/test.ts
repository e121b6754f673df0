// `npm test`: types, lint, format and every test file; the last line is `N passed, N failed`.
// `npm test -- NAME …` runs the test files whose path matches, and nothing else. `npm test -- --changed` runs the checks and the
// test files that the change since main can affect. Other flags go to jest: `-t "a hole"`.
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";
import { createProcesses } from "../dev/stack/processes.ts";
import { stopOnSignals } from "../dev/stack/signals.ts";
import { escapePath, type FileTime, type Outcome, runJest, slowestFiles } from "./jest-run.ts";
import { readOptions } from "./command-line.ts";
import { patternOf, splitTestArguments } from "./test-arguments.ts";
import { changedFiles, testsOfChange } from "./test-changed.ts";

const USAGE = `npm test                      types, lint, format and every test file
npm test -- NAME …            only the test files whose path below test/ matches
npm test -- -t "a hole" NAME  only the tests with such a name; other flags go to jest too
npm test -- --changed         types, lint, format, and the test files that the change since main can affect;
                              with NAME only those of them whose path matches
TEST_SEED=N npm test -- NAME  random tests from another seed (docs/testing.md)`;

const { patterns, flags: given } = readOptions(USAGE, (args) => {
  const { names, flags: jestFlags } = splitTestArguments(args);
  const files = globSync("test/**/*.test.ts", { cwd: repositoryRoot });
  const paths = files.map((file) => join(repositoryRoot, file));
  const test = join(repositoryRoot, "test");
  return { patterns: names.map((name) => patternOf(name, test, paths)), flags: jestFlags };
});
const onlyChanged = given.includes("--changed");
const flags = given.filter((flag) => flag !== "--changed");

const folder = mkdtempSync(join(tmpdir(), "meeting-auction-npm-test-"));
const processes = createProcesses({ logDir: folder });
processes.removeIfKilled(folder);

let isStopping = false;

async function stop(isInterrupted = false): Promise<void> {
  if (isInterrupted && !isStopping) print("\ninterrupted: not all tests have run");
  isStopping = true;
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
}
stopOnSignals({ stop: () => stop(true), force: processes.killAll }, () => 130);

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const times: FileTime[] = [];

async function phase(name: string, run: () => Promise<Outcome>): Promise<Outcome> {
  print(`\n── ${name}`);
  const startMs = performance.now();
  const outcome = await run();
  // Ended by a signal: nothing is to be concluded, and no further phase begins.
  if (isStopping) await new Promise(() => {});
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  print(
    `── ${name}: ${outcome.failed === 0 ? "passed" : `${outcome.failed} failed`} in ${seconds} s`,
  );
  return outcome;
}

/** A phase that passes or fails as a whole. */
function check(name: string, command: string, args: readonly string[]): Promise<Outcome> {
  return phase(name, async () => {
    const child = processes.spawn({
      name,
      command: join(repositoryRoot, "node_modules/.bin", command),
      args,
      cwd: repositoryRoot,
      inheritOutput: true,
    });
    const { code } = await child.exited;
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  });
}

async function checks(): Promise<Outcome[]> {
  return [
    await check("types", "tsc", ["--noEmit"]),
    await check("lint", "oxlint", ["--type-aware"]),
    await check("format (npm run format repairs it)", "oxfmt", ["--check"]),
  ];
}

function tests(
  files: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return phase("tests", async () => {
    const report = join(folder, "jest.json");
    const outcome = await runJest(processes, report, { files, flags, variables });
    times.push(...outcome.times);
    return outcome;
  });
}

const MOST_LISTED = 20;

async function runChanged(): Promise<Outcome[]> {
  const { since, files } = changedFiles();
  const named = patterns.map((pattern) => new RegExp(pattern, "i"));
  const affected = testsOfChange(files).filter(
    (file) => named.length === 0 || named.some((one) => one.test(join(repositoryRoot, file))),
  );
  print(
    `${files.length} files changed since ${since.slice(0, 10)}; ${affected.length} test files can be affected${affected.length === 0 ? "." : ":"}`,
  );
  for (const file of affected.slice(0, MOST_LISTED)) print(`  ${file}`);
  if (affected.length > MOST_LISTED) print(`  … and ${affected.length - MOST_LISTED} more`);
  const outcomes = await checks();
  const paths = affected.map((file) => join(repositoryRoot, file));
  // What is nearest to the change turns red first.
  const variables = { TEST_ORDER: JSON.stringify(paths) };
  return affected.length === 0
    ? outcomes
    : [...outcomes, await tests(paths.map(escapePath), variables)];
}

async function runAll(): Promise<Outcome[]> {
  if (onlyChanged) return runChanged();
  if (patterns.length > 0) return [await tests(patterns)];
  return [...(await checks()), await tests([])];
}

const outcomes = await runAll();
await stop();
if (times.length > 1) print(slowestFiles(times));
const sum = (key: keyof Outcome): number =>
  outcomes.reduce((total, outcome) => total + outcome[key], 0);
print(`\n${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") === 0 ? 0 : 1);
