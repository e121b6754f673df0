/**
 * What random tests draw from, and how much. In `npm test` the seed is fixed, so that a run is red only when the code is
 * wrong; `npm run test:soak` sets another seed each time, and more and larger runs. TEST_SEED repeats a run exactly.
 *
 *     import { fc, runs } from "../support/random.ts";      // never from "fast-check"
 *     fc.assert(property, { numRuns: runs(300) });
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { expect } from "@jest/globals";
import fc from "fast-check";
import { repositoryRoot } from "../../dev/stack/paths.ts";

export { fc };

/** Chosen once; it means nothing. */
const FIXED_SEED = 20_261_130;

/** The seed of this run: random tests that do not use fast-check begin with it too. */
export const SEED = wholeNumber("TEST_SEED") ?? FIXED_SEED;

/** Whether this is `npm run test:soak`, which searches at full size instead of checking. */
export const isSoak = process.env["TEST_SOAK"] === "1";

/** How many cases a property tries: `count` in npm test, TEST_RUNS_FACTOR times as many in the soak. */
export function runs(count: number): number {
  return count * (wholeNumber("TEST_RUNS_FACTOR") ?? 1);
}

/**
 * Any text, of any characters. `fc.string({ unit: "binary" })` draws the same, and makes a table of all million characters first, which
 * takes two seconds.
 */
export function anyText(maxLength = 100): fc.Arbitrary<string> {
  const SURROGATES = 0xd800;
  const HOW_MANY = 0x800;
  const character = fc.nat({ max: 0x10_ffff - HOW_MANY });
  return fc
    .array(character, { maxLength })
    .map((all) =>
      String.fromCodePoint(...all.map((one) => (one < SURROGATES ? one : one + HOW_MANY))),
    );
}

/** A size that npm test can afford, and the full one of the soak. */
export function size(inGate: number, inSoak: number): number {
  return isSoak ? inSoak : inGate;
}

/**
 * Keeps a new counterexample where the soak collects them, in the form in which it becomes a regression. Without the
 * soak it is in the failure message only, as everybody's run finds the same one.
 * @param form what to put where, as code or JSON
 */
export function keepCounterexample(form: string): void {
  if (!isSoak) return;
  const folder = process.env["TEST_COUNTEREXAMPLES"] ?? join(repositoryRoot, ".dev/soak");
  mkdirSync(folder, { recursive: true });
  const { testPath = "" } = expect.getState();
  // Not the name of the test: of concurrent ones jest names the last.
  const entry = `// ${relative(repositoryRoot, testPath)}\n// again: ${againWith(testPath)}\n${form}\n\n`;
  appendFileSync(join(folder, "counterexamples.txt"), entry);
}

/** The command that draws the same cases again. */
function againWith(testPath: string): string {
  const file = relative(join(repositoryRoot, "test"), testPath).replace(/\.(test|soak)\.ts$/, "");
  const variables = ["TEST_SEED", "TEST_SOAK", "TEST_RUNS_FACTOR", "TEST_MAX_CACHED_WORKFLOWS"]
    .filter((name) => process.env[name] !== undefined)
    .map((name) => `${name}=${process.env[name]} `);
  return `${variables.join("")}npm test -- ${file}`;
}

function report(details: fc.RunDetails<unknown>): void {
  // A search that the soak ended before its first case had ended has found nothing.
  if (!details.failed || (details.interrupted && details.counterexample === null)) return;
  if (details.counterexample !== null)
    keepCounterexample(
      `// into the settings of this fc.assert (a further row, when it has examples)\nexamples: [${fc.stringify(details.counterexample)}],`,
    );
  const message = `${fc.defaultReportMessage(details) ?? "a property failed"}\n\nAgain: ${againWith(expect.getState().testPath ?? "")}`;
  throw new Error(message, { cause: details.errorInstance ?? undefined });
}

function wholeNumber(variable: string): number | undefined {
  const given = process.env[variable];
  if (given === undefined || given === "") return undefined;
  const value = Number(given);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`${variable}=${given} is not a whole number`);
  return value;
}

/** In the soak, the longest that one property searches, in milliseconds: tests have limits of their own. */
const LONGEST_SEARCH_MS = 60_000;

/** Ends a search of the soak in time. What it has tried by then counts. */
function searchLimit(): { interruptAfterTimeLimit?: number } {
  const endsAtMs = wholeNumber("TEST_ENDS_AT_MS");
  if (endsAtMs === undefined) return {};
  const leftMs = Math.max(1_000, endsAtMs - Date.now());
  return { interruptAfterTimeLimit: Math.min(LONGEST_SEARCH_MS, leftMs) };
}

// fast-check takes 32 bits. This reporter serves asynchronous properties too.
fc.configureGlobal({
  ...searchLimit(),
  seed: SEED % 2 ** 31,
  numRuns: runs(100),
  reporter: report,
});
