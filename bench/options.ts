// The options of `npm run bench`.
import {
  fileToWrite,
  folderToWrite,
  parseOptions,
  UsageError,
  wholeNumber,
} from "../scripts/command-line.ts";

export const USAGE = `npm run bench -- [options]
  --only NAME      the benchmarks whose name begins so
  --runs N         runs of each, 1 by default; medians, and a target holds when it held in every run
  --json FILE      writes the figures as JSON
  --logs FOLDER    keeps what the product writes`;

export interface BenchOptions {
  /** At least one of the names given. */
  readonly names: readonly string[];
  /** At least one. */
  readonly runs: number;
  readonly json: string | undefined;
  readonly logs: string | undefined;
}

const MOST_RUNS = 100;

/** @param all the names of all benchmarks. @throws UsageError */
export function benchOptions(args: readonly string[], all: readonly string[]): BenchOptions {
  const given = parseOptions(args, {
    only: { type: "string" },
    json: { type: "string" },
    logs: { type: "string" },
    runs: { type: "string", default: "1" },
  });
  const { only } = given;
  const names =
    only === undefined ? all : all.filter((name) => only !== "" && name.startsWith(only));
  if (names.length === 0)
    throw new UsageError(`there is no benchmark "${only}"; there are ${all.join(", ")}`);
  return {
    names,
    runs: wholeNumber("--runs", given.runs, 1, MOST_RUNS),
    json: given.json === undefined ? undefined : fileToWrite("--json", given.json),
    logs: given.logs === undefined ? undefined : folderToWrite("--logs", given.logs),
  };
}
