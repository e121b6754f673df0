// One run of jest, as npm test and the soak start it.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";
import type { Processes } from "../dev/stack/processes.ts";

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

export interface FileTime {
  /** Relative to the repository. */
  readonly file: string;
  readonly seconds: number;
}

export interface JestOutcome extends Outcome {
  readonly times: readonly FileTime[];
}

export interface JestRun {
  /** Regular expressions of paths, or paths; none means all. */
  readonly files: readonly string[];
  /** Flags for jest itself. */
  readonly flags?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly workers?: number;
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Skipped ones among them. */
  readonly numTotalTests: number;
  /** Files that could not even be loaded. */
  readonly numRuntimeErrorTestSuites: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
  }[];
}

/**
 * Most files wait most of the time: for blocks, for a timer, for another process. Two for each core keep the cores busy; files
 * that compute only share them.
 */
export const WORKERS = Math.max(2, Math.min(8, availableParallelism() * 2));

/** A path as the regular expression that matches it and nothing else. */
export const escapePath = (path: string): string =>
  path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/**
 * Runs jest with its output shown here. `report` is a file for its results; `processes` ends it when this process ends. What tests put
 * into the folder for temporary files is beside the report: a run that is killed leaves nothing if its folder is removed.
 */
export async function runJest(
  processes: Processes,
  report: string,
  run: JestRun,
): Promise<JestOutcome> {
  rmSync(report, { force: true });
  const folder = dirname(report);
  chmodSync(folder, 0o755); // Postgres may run as another user.
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  const given = process.env["NODE_OPTIONS"] ?? "";
  const nodeOptions = `${given} --experimental-vm-modules --disable-warning=ExperimentalWarning`;
  // What a test forgot to close must not keep the run from ending; the servers are stopped before.
  // Flags come last: some take as many values as follow.
  const args = [
    join(repositoryRoot, "node_modules/jest/bin/jest.js"),
    "--json",
    `--outputFile=${report}`,
    `--maxWorkers=${run.workers ?? WORKERS}`,
    "--forceExit",
    ...run.files,
    ...(run.flags ?? []),
  ];
  const child = processes.spawn({
    name: "jest",
    command: process.execPath,
    args,
    env: {
      ...process.env,
      ...run.variables,
      TMPDIR: temporary,
      NODE_OPTIONS: nodeOptions.trim(),
      NO_DEPRECATION: "*",
    },
    cwd: repositoryRoot,
    inheritOutput: true,
  });
  const { code } = await child.exited;
  if (!existsSync(report)) return { passed: 0, failed: 1, times: [] }; // no such test file, or jest itself crashed
  const result: JestReport | string[] = JSON.parse(readFileSync(report, "utf8"));
  if (Array.isArray(result)) return { passed: 0, failed: 0, times: [] }; // --listTests
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const ranNone = result.numPassedTests === 0 && failed === 0;
  // Tests that need a tool which is not installed skip themselves; a name that no test has is a mistake.
  const isNamed = (run.flags ?? []).some((flag) => /^(-t|--testNamePattern)/.test(flag));
  const nothingRan = ranNone && (isNamed || result.numTotalTests === 0);
  if (nothingRan) process.stdout.write("No test has such a name.\n");
  else if (ranNone)
    process.stdout.write(
      `All ${result.numTotalTests} tests were skipped: their tools are missing.\n`,
    );
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && (nothingRan || code !== 0) ? 1 : failed,
    times: result.testResults.map(({ name, startTime, endTime }) => ({
      file: relative(repositoryRoot, name),
      seconds: (endTime - startTime) / 1_000,
    })),
  };
}

const SHOWN = 10;
const TOO_SLOW_S = 60;

/** The slowest files, so that the time of the whole does not grow unseen. */
export function slowestFiles(times: readonly FileTime[]): string {
  const slowest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN);
  const lines = slowest.map(({ file, seconds }) => {
    const note = seconds > TOO_SLOW_S ? `  too slow: more than ${TOO_SLOW_S} s` : "";
    return `  ${seconds.toFixed(1).padStart(6)} s  ${file}${note}`;
  });
  return [`\nThe ${lines.length} slowest of ${times.length} files:`, ...lines].join("\n");
}
