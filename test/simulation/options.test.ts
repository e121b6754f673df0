// The options of `npm run simulate`, `npm run bench` and `npm test`, and what they make of a run that measured nothing.
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure } from "../../bench/bench.ts";
import { benchOptions } from "../../bench/options.ts";
import { medians, verdictOf } from "../../bench/report.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { UsageError } from "../../scripts/command-line.ts";
import { patternOf, splitTestArguments } from "../../scripts/test-arguments.ts";
import { simulationOptions } from "./options.ts";
import { makePlan, MOST_AUCTIONS } from "./plan.ts";
import { planText } from "./plan-text.ts";
import { exitCodeOf, type Reported, reportOf, summaryOf } from "./report.ts";

const NOWHERE = join(tmpdir(), "no such folder", "figures.json");
const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

describe("npm run simulate", () => {
  test.each([
    ["", [1], 30, undefined],
    ["--seed 0", [0], 30, undefined],
    ["--seeds 7-9 --auctions 5 --lanes 3", [7, 8, 9], 5, 3],
    ["--seeds 7-7", [7], 30, undefined],
  ])("%j", (line, seeds, auctions, lanes) => {
    expect(simulationOptions(words(line))).toMatchObject({ seeds, auctions, lanes });
  });

  test.each([
    ["--lanes 0", "--lanes takes a whole number"],
    ["--lanes x", "--lanes takes a whole number"],
    ["--lanes 1.5", "--lanes takes a whole number"],
    ["--seed 1.5", "--seed takes a whole number"],
    ["--seed 1e3", "--seed takes a whole number"],
    ["--seed 1-3", "--seed takes a whole number"],
    ["--seed=-1", "--seed takes a whole number"],
    ["--seed=", "--seed takes a whole number"],
    ["--seed 4294967296", "--seed takes a whole number"],
    ["--seeds 5", "--seeds takes FROM-TO"],
    ["--seeds 1-2-3", "--seeds takes FROM-TO"],
    ["--seeds 9-7", "holds no seed"],
    ["--seeds 0-4294967295", "more than 10000 seeds"],
    ["--seed 1 --seeds 1-2", "exclude each other"],
    ["--seed 1 --seed 2", "--seed is given twice"],
    ["--auctions 0", "--auctions takes a whole number"],
    [`--auctions ${MOST_AUCTIONS + 1}`, "--auctions takes a whole number"],
    ["--seed", "'--seed <value>' argument missing"],
    ["--seed --calm", "--seed takes no value that begins with -"],
    ["--calm=1", "does not take an argument"],
    ["--foo", "Unknown option '--foo'"],
    ["7", "Unexpected argument '7'"],
    ["--json=", "--json takes a file"],
  ])("refuses %j in one line", (line, why) => {
    const refused = new RegExp(`^[^\\n]*${why.replaceAll(/[.?<>]/g, ".")}[^\\n]*$`);
    expect(() => simulationOptions(words(line))).toThrow(refused);
  });

  test("refuses a file whose folder is not there, before anything is played", () => {
    expect(() => simulationOptions(["--json", NOWHERE])).toThrow("there is no folder");
  });

  test("as many auctions as it allows end in blocks whose timestamps are decided", () => {
    const { auctions, secondsAt } = makePlan({ seed: 1, auctions: MOST_AUCTIONS });
    expect(auctions.filter(({ endBlock }) => secondsAt[endBlock] === undefined)).toEqual([]);
  });
});

describe("the report", () => {
  const result = (seed: number, violations: Reported["violations"]): Reported => ({
    seed,
    digest: "d",
    violations,
    faults: {},
    deaths: [],
    reorgs: 0,
    counted: { auctions: 29 },
    tookMs: { all: 1, story: 1, rest: 0 },
  });
  const violation = { rule: "outcome", subject: "auction 1", what: "was ended twice" };

  test("says how to play the same plan again, and what was lost", () => {
    const text = reportOf(result(7, [violation]), { seed: 7, auctions: 30, calm: true });
    expect(text).toMatch("1 VIOLATION in");
    expect(text).toMatch("29 of 30 auctions were created");
    expect(text).toMatch(/again: npm run simulate -- --seed 7 --auctions 30 --calm$/);
  });

  test("says nothing of creations where none was lost", () => {
    expect(reportOf(result(7, []), { seed: 7, auctions: 29 })).not.toMatch("were created");
  });

  test("counts in words", () => {
    expect(summaryOf([result(7, [])], 1)).toMatch(/^\n1 seed in/);
    expect(summaryOf([result(7, []), result(8, [])], 1)).toMatch(/^\n2 seeds in/);
  });

  test("is green only when every seed was played without a violation", () => {
    expect(exitCodeOf([result(7, []), result(8, [])], [7, 8])).toBe(0);
    expect(exitCodeOf([result(7, [violation]), result(8, [])], [7, 8])).toBe(1);
    expect(exitCodeOf([result(7, [])], [7, 8])).toBe(1);
    expect(exitCodeOf([], [])).toBe(1);
  });
});

test("a plan is told in words, with all that happens in it", () => {
  const plan = makePlan({ seed: 7, auctions: 30 });
  const text = planText(plan);
  for (const part of ["rules", "auctions", "acts", "reorgs", "faults", "lives of the worker"])
    expect(text).toMatch(new RegExp(`^  ${part}:`, "m"));
  for (const { kind } of plan.faults) expect(text).toMatch(kind);
  expect(text.match(/^ {4}block \d+: (host|bidder|the stranger)/gm)).toHaveLength(plan.acts.length);
});

describe("npm run bench", () => {
  const ALL = ["lateness-1s", "lateness-12s", "sender"];

  test("chooses by the beginning of a name", () => {
    expect(benchOptions([], ALL)).toMatchObject({ names: ALL, runs: 1 });
    expect(benchOptions(words("--only lateness --runs 3"), ALL)).toMatchObject({
      names: ["lateness-1s", "lateness-12s"],
      runs: 3,
    });
  });

  test.each([
    ["--runs 0", "--runs takes a whole number"],
    ["--runs x", "--runs takes a whole number"],
    ["--runs 1.5", "--runs takes a whole number"],
    ["--only nothing", 'there is no benchmark "nothing"'],
    ["--only=", 'there is no benchmark ""'],
    ["--only", "argument missing"],
    ["--foo", "Unknown option '--foo'"],
    ["sender", "Unexpected argument 'sender'"],
    [`--logs ${join(repositoryRoot, "package.json")}`, "--logs takes a folder"],
  ])("refuses %j", (line, why) => {
    expect(() => benchOptions(words(line), ALL)).toThrow(why);
  });

  const figure = (value: number, target?: Figure["target"]): Figure =>
    target === undefined
      ? { name: "speed", value, unit: "m/s" }
      : { name: "speed", value, unit: "m/s", target };

  test("is red where nothing was measured, or a hard target is missed", () => {
    const missed = { text: "≤ 1", holds: false, hard: false };
    expect(verdictOf([]).exitCode).toBe(1);
    expect(verdictOf([[figure(1)], []]).exitCode).toBe(1);
    expect(verdictOf([medians([[figure(1)], [figure(Number.NaN)], [figure(1)]])]).exitCode).toBe(1);
    expect(verdictOf([[figure(1)]])).toEqual({ text: "Every target is met.", exitCode: 0 });
    expect(verdictOf([[figure(2, missed)]])).toEqual({
      text: "1 target is missed.",
      exitCode: 0,
    });
    expect(verdictOf([[figure(2, missed), figure(2, { ...missed, hard: true })]])).toEqual({
      text: "2 targets are missed.",
      exitCode: 1,
    });
  });
});

describe.each(["test/simulation/main.ts", "bench/main.ts"])("%s as a process", (file) => {
  const run = (...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [join(repositoryRoot, file), ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
      );
    });

  test("ends with 2 and its usage after a wrong option, without a stack trace", async () => {
    const { code, stdout, stderr } = await run("--foo");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^Unknown option '--foo'\n\nnpm run \w+ -- \[options\]\n( {2}--.*\n)+$/);
  });

  test("ends with 0 and its usage after --help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^npm run \w+ -- \[options\]\n/);
  });
});

test.each([
  [["chain/sender-nonces", "-t", "a hole"], ["chain/sender-nonces"], ["-t", "a hole"]],
  [["-t", "a hole", "chain"], ["chain"], ["-t", "a hole"]],
  [["-t=a hole", "chain"], ["chain"], ["-t=a hole"]],
  [["--testNamePattern", "-x", "chain"], ["chain"], ["--testNamePattern", "-x"]],
  [["--verbose", "chain"], ["chain"], ["--verbose"]],
])("npm test -- %j", (args, names, flags) => {
  expect(splitTestArguments(args)).toEqual({ names, flags });
});

test.each([
  [["--nosuchflag"], "unknown option --nosuchflag"],
  [["chain", "-t"], "-t needs a value"],
  [["chain", "--testNamePattern"], "--testNamePattern needs a value"],
])("npm test -- %j is refused", (args, message) => {
  expect(() => splitTestArguments(args)).toThrow(new UsageError(message));
});

test("a name that is no regular expression, or that no test file has, is refused", () => {
  const files = ["/a/test/chain/sender.test.ts"];
  for (const name of ["chain", "test/chain/sender.test.ts", "./test/chain", "CHAIN/s.n"])
    expect(patternOf(name, "/a/test", files)).toMatch(/^\/a\/test\/\.\*/);
  expect(() => patternOf("(", "/a/test", files)).toThrow(/^\( is no regular expression; put a \\/);
  expect(() => patternOf("a", "/a/test", ["/a/test/b.test.js"])).toThrow(UsageError);
  expect(() => patternOf("workflows", "/a/test", files)).toThrow(
    "no test file below test/ has a path that matches workflows",
  );
});
