// `npm run test:soak`: random tests with new seeds and more cases, and at full size what npm test runs in small. It writes each
// counterexample in the form in which it becomes a regression. The last line is `N passed, N failed`.
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";
import { createProcesses } from "../dev/stack/processes.ts";
import { stopOnSignals } from "../dev/stack/signals.ts";
import { messageOf } from "../src/errors.ts";
import { parseOptions, readOptions, UsageError, wholeNumber } from "./command-line.ts";
import type { Outcome } from "./jest-run.ts";
import { PARTS, type SoakContext } from "./soak-parts.ts";

const USAGE = `npm run test:soak -- [options]
  --minutes N        how long to search; then what has begun is brought to its end, which may take minutes more. 30 by default
  --seed N           the first seed; a new one by default. The same seed searches the same way again
  --only PART,…      only these parts: ${PARTS.map(({ name }) => name).join(", ")}`;

const MOST_MINUTES = 7 * 24 * 60;
const LAST_SEED = 2 ** 31 - 1;
/** Of what was found, in characters. */
const MOST_SHOWN = 20_000;

const options = readOptions(USAGE, (args) => {
  const given = parseOptions(args, {
    minutes: { type: "string", default: "30" },
    seed: { type: "string" },
    only: { type: "string" },
  });
  const names = given.only?.split(",");
  const unknown = names?.find((name) => PARTS.every((part) => part.name !== name));
  if (unknown !== undefined) throw new UsageError(`--only: there is no part ${unknown}`);
  return {
    minutes: wholeNumber("--minutes", given.minutes, 1, MOST_MINUTES),
    seed:
      given.seed === undefined
        ? randomInt(LAST_SEED)
        : wholeNumber("--seed", given.seed, 0, LAST_SEED),
    parts: PARTS.filter(({ name }) => names === undefined || names.includes(name)),
  };
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), "meeting-auction-soak-"));
const found = join(repositoryRoot, ".dev/soak", new Date().toISOString().replaceAll(/[:.]/g, "-"));
const processes = createProcesses({ logDir: folder });
processes.removeIfKilled(folder);

let isStopping = false;

async function stop(): Promise<void> {
  if (!isStopping) {
    isStopping = true;
    summarize();
  }
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
}

const startedAtMs = performance.now();
const elapsedS = (): number => (performance.now() - startedAtMs) / 1_000;
const isOver = (): boolean => elapsedS() >= options.minutes * 60;
/** The parts of which a round has begun. */
const begun = new Set<string>();
const rounds: { readonly part: string; readonly seed: number; readonly outcome: Outcome }[] = [];

/** Runs parts one after the other, round after round, until the time is over. */
async function lane(parts: typeof options.parts): Promise<void> {
  while (parts.length > 0)
    for (const part of parts) {
      if (isOver() || isStopping) return;
      // By part, not by time: the same seed makes every part search the same way again.
      const round = rounds.filter((one) => one.part === part.name).length;
      const seed = (options.seed + round * part.seeds) % LAST_SEED;
      print(
        `\n── soak: ${part.name} from seed ${seed}, after ${elapsedS().toFixed(0)} s (${part.what})`,
      );
      begun.add(part.name);
      const outcome = await part.run(context, seed).catch((error: unknown): Outcome => {
        print(`soak: ${part.name} could not be run: ${messageOf(error)}`);
        return { passed: 0, failed: 1 };
      });
      if (isStopping) return;
      rounds.push({ part: part.name, seed, outcome });
    }
}

mkdirSync(found, { recursive: true });
stopOnSignals({ stop, force: processes.killAll }, () => 130);
const endsAtMs = Date.now() + options.minutes * 60_000;
const context: SoakContext = { processes, folder, found, endsAtMs, print };
print(`soak: ${options.minutes} minutes and what it takes to finish, --seed ${options.seed}`);
// The simulation waits most of its time: it fills what the others leave. They begin elsewhere each time, so that each
// comes first now and then.
const isBeside = ({ name }: { name: string }): boolean => name === "simulation";
const others = options.parts.filter((part) => !isBeside(part));
const first = others.length === 0 ? 0 : options.seed % others.length;
await Promise.all([
  lane(options.parts.filter(isBeside)),
  lane([...others.slice(first), ...others.slice(0, first)]),
]);
await stop();
process.exit(failures() === 0 ? 0 : 1);

function failures(): number {
  return rounds.reduce((total, { outcome }) => total + outcome.failed, 0);
}

/** What was searched and found so far; the counterexamples themselves too, as a folder may be gone when somebody reads this. */
function summarize(): void {
  const isCut = !isOver() ? ", interrupted" : "";
  print(`\nsoak: ${elapsedS().toFixed(0)} s from seed ${options.seed}${isCut}`);
  for (const { part, seed, outcome } of rounds)
    print(`  ${part} from seed ${seed}: ${outcome.passed} passed, ${outcome.failed} failed`);
  const unfinished = options.parts
    .map(({ name }) => name)
    .filter((name) => rounds.every(({ part }) => part !== name));
  for (const [what, names] of [
    ["interrupted, and not counted", unfinished.filter((name) => begun.has(name))],
    ["not begun in this time", unfinished.filter((name) => !begun.has(name))],
  ] as const)
    if (names.length > 0) print(`  ${what}: ${names.join(", ")}`);
  const file = join(found, "counterexamples.txt");
  if (existsSync(file))
    print(`\ncounterexamples (${file}):\n${readFileSync(file, "utf8").slice(0, MOST_SHOWN)}`);
  else rmSync(found, { recursive: true, force: true });
  const passed = rounds.reduce((total, { outcome }) => total + outcome.passed, 0);
  print(`\n${passed} passed, ${failures()} failed`);
}
