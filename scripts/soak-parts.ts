// What the soak is made of.
import { appendFileSync, existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../dev/stack/paths.ts";
import type { Processes } from "../dev/stack/processes.ts";
import { escapePath, type Outcome, runJest } from "./jest-run.ts";

export interface SoakContext {
  readonly processes: Processes;
  /** For what is needed while it runs. */
  readonly folder: string;
  /** For what was found. */
  readonly found: string;
  /** When the time is over: properties then end after the case that runs. */
  readonly endsAtMs: number;
  print(line: string): void;
}

export interface Part {
  readonly name: string;
  readonly what: string;
  /** How many seeds one round takes. */
  readonly seeds: number;
  run(context: SoakContext, seed: number): Promise<Outcome>;
}

/** How many times as many random cases as in npm test. */
const RUNS_FACTOR = 10;
/** Seeds in a round of the simulation. Each round starts its own servers. */
const SEEDS_A_ROUND = 2;
const AUCTIONS = 30;

/** Test files as jest matches them: paths below test/. */
const below = (path: string): string => escapePath(join(repositoryRoot, "test", path));

function jestPart(
  name: string,
  what: string,
  files: () => readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Part {
  return {
    name,
    what,
    seeds: 1,
    run: (context, seed) =>
      runJest(context.processes, join(context.folder, `${name}.json`), {
        files: files(),
        flags: ["--testMatch", "**/test/**/*.{test,soak}.ts"],
        variables: {
          TEST_SOAK: "1",
          TEST_SEED: String(seed),
          TEST_COUNTEREXAMPLES: context.found,
          TEST_ENDS_AT_MS: String(context.endsAtMs),
          ...variables,
        },
      }),
  };
}

/** The files that draw cases from fast-check, but for those that are parts of their own. */
function propertyFiles(): string[] {
  return globSync("test/**/*.test.ts", { cwd: repositoryRoot })
    .filter((file) => {
      const text = readFileSync(join(repositoryRoot, file), "utf8");
      return /import \{ fc[ ,}]/.test(text) || file.includes("contracts/sequences");
    })
    .map((file) => escapePath(join(repositoryRoot, file)));
}

const plans = z.array(
  z.looseObject({ faults: z.unknown(), reorgs: z.unknown(), lives: z.unknown() }),
);
const results = z.array(
  z.looseObject({
    seed: z.number(),
    violations: z.array(z.looseObject({ rule: z.string(), what: z.string() })),
  }),
);

async function simulate(
  { processes, folder }: SoakContext,
  args: readonly string[],
): Promise<string | undefined> {
  const json = join(folder, `simulation-${Date.now()}.json`);
  const child = processes.spawn({
    name: "simulation",
    command: process.execPath,
    args: [join(repositoryRoot, "test/simulation/main.ts"), ...args, "--json", json],
    cwd: repositoryRoot,
    inheritOutput: !args.includes("--plan"),
  });
  await child.exited;
  return existsSync(json) ? readFileSync(json, "utf8") : undefined;
}

/** Writes a seed that went red as an entry of test/simulation/regressions.json. */
async function keepSeed(context: SoakContext, seed: number, was: string): Promise<void> {
  const args = ["--plan", "--seed", String(seed), "--auctions", String(AUCTIONS)];
  const [plan] = plans.parse(JSON.parse((await simulate(context, args)) ?? "[]"));
  if (plan === undefined) return;
  const { faults, reorgs, lives } = plan;
  const entry = { seed, auctions: AUCTIONS, was, instead: { faults, reorgs, lives } };
  const file = join(context.found, "counterexamples.txt");
  appendFileSync(
    file,
    `// into test/simulation/regressions.json\n${JSON.stringify(entry, null, 2)}\n\n`,
  );
}

const simulation: Part = {
  name: "simulation",
  what: `stories of ${AUCTIONS} auctions with faults, reorgs and kills`,
  seeds: SEEDS_A_ROUND,
  async run(context, seed) {
    const seeds = `${seed}-${seed + SEEDS_A_ROUND - 1}`;
    const args = ["--seeds", seeds, "--auctions", String(AUCTIONS), "--lanes", "1"];
    const text = await simulate(context, args);
    if (text === undefined) return { passed: 0, failed: 1 };
    const played = results.parse(JSON.parse(text));
    const red = played.filter(({ violations }) => violations.length > 0);
    for (const { seed: one, violations } of red)
      await keepSeed(
        context,
        one,
        violations.map(({ rule, what }) => `${rule}: ${what}`).join("; "),
      );
    const unplayed = SEEDS_A_ROUND - played.length;
    return { passed: played.length - red.length, failed: red.length + unplayed };
  },
};

export const PARTS: readonly Part[] = [
  simulation,
  jestPart("properties", "every property with up to ten times as many cases", propertyFiles, {
    TEST_RUNS_FACTOR: String(RUNS_FACTOR),
  }),
  jestPart(
    "workflows-without-a-cache",
    "every workflow task replays its whole history",
    () => [below("workflows/")],
    { TEST_MAX_CACHED_WORKFLOWS: "0" },
  ),
  jestPart("long-stories", "the stories that went red once", () => [below("simulation/long-")]),
  jestPart("storm", "the socket storm at full size", () => [below("realtime/storm")]),
  jestPart("upgrade", "two builds and all auctions of an upgrade", () => [below("replay/upgrade")]),
  jestPart("documents", "the commands of every document", () => [below("client/docs")]),
  jestPart("requests", "random requests to every route", () => [below("api/fuzz")], {
    TEST_RUNS_FACTOR: String(RUNS_FACTOR),
  }),
];
