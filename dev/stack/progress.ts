import { failureBlock } from "./errors.ts";

/** Where the lines go; process.stdout, or a collector in tests. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

export interface Step {
  readonly name: string;
  /** What it waits for, shown when the step takes longer than a second. */
  readonly waitsFor: string;
  readonly logFile?: string | undefined;
}

export interface Report {
  /** What the step waits for now. */
  waiting(this: void, what: string): void;
  /** What its line shall say when it is done. */
  result(this: void, text: string): void;
}

export interface Progress {
  /** Runs one step and prints one line about it. */
  step<T>(step: Step, run: (report: Report) => Promise<T>): Promise<T>;
  /** A plain line between the steps. */
  line(text: string): void;
  elapsedMs(): number;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SLOW_MS = 1000;

interface Active {
  readonly step: Step;
  readonly startedMs: number;
  waitsFor: string;
  announced: boolean;
}

/** One line per step, several steps at a time; a spinner only where someone watches. */
export function createProgress(output: Output = process.stdout): Progress {
  const active = new Set<Active>();
  const startMs = performance.now();
  const live = output.isTTY === true && process.env["CI"] === undefined;
  let frame = 0;
  let ticker: NodeJS.Timeout | undefined;

  const ageMs = (one: Active): number => performance.now() - one.startedMs;
  const head = (mark: string, one: Active): string =>
    `  ${mark} ${one.step.name.padEnd(12)}${(ageMs(one) / 1000).toFixed(1).padStart(6)} s  `;

  function print(text: string): void {
    output.write(`${live ? "\r\u001B[2K" : ""}${text.trimEnd()}\n`);
    if (live) drawSpinner();
  }

  function drawSpinner(): void {
    if (active.size === 0) return;
    const parts = [...active].map((one) => `${one.step.name} ${Math.floor(ageMs(one) / 1000)} s`);
    output.write(`\r\u001B[2K${FRAMES[frame % FRAMES.length]} ${parts.join(" · ")}`);
  }

  function announce(one: Active): void {
    one.announced = true;
    const log = one.step.logFile === undefined ? "" : ` (log: ${one.step.logFile})`;
    print(`${head("…", one)}waiting for ${one.waitsFor}${log}`);
  }

  function tick(): void {
    frame += 1;
    for (const one of active) if (!one.announced && ageMs(one) >= SLOW_MS) announce(one);
    if (live) drawSpinner();
  }

  function finish(one: Active): void {
    active.delete(one);
    if (active.size > 0) return;
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    async step(step, run) {
      const one: Active = {
        step,
        startedMs: performance.now(),
        waitsFor: step.waitsFor,
        announced: false,
      };
      let result = "";
      active.add(one);
      ticker ??= setInterval(tick, live ? 120 : 250).unref();
      try {
        const value = await run({
          waiting: (what) => {
            if (one.waitsFor === what) return;
            one.waitsFor = what;
            if (one.announced) announce(one);
          },
          result: (text) => {
            result = text;
          },
        });
        finish(one);
        print(`${head("✓", one)}${result}`);
        return value;
      } catch (error) {
        finish(one);
        print(`${head("✗", one)}failed`);
        throw error;
      }
    },
    line: print,
    elapsedMs: () => performance.now() - startMs,
  };
}

/** Prints nothing; for tests and for starts inside other programs. */
export function silentProgress(): Progress {
  const startMs = performance.now();
  return {
    step: (_step, run) => run({ waiting: () => {}, result: () => {} }),
    line: () => {},
    elapsedMs: () => performance.now() - startMs,
  };
}

/** Prints a failure with the end of its log and the one thing to try. */
export function printFailure(error: unknown, output: Output = process.stderr): void {
  output.write(`\n${failureBlock(error)}\n`);
}
