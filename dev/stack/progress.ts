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
  readonly logFile?: string;
}

export interface Progress {
  /** Runs one step and prints one line about it; `note` changes what it is said to wait for, or its result. */
  step<T>(step: Step, run: (note: (text: string) => void) => Promise<T>): Promise<T>;
  /** A plain line between the steps. */
  line(text: string): void;
  elapsedMs(): number;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SLOW_MS = 1000;

interface Active {
  readonly step: Step;
  readonly startedMs: number;
  note: string;
  announced: boolean;
}

/** One line per step, several steps at a time; a spinner only where someone watches. */
export function createProgress(output: Output = process.stdout): Progress {
  const active = new Set<Active>();
  const startMs = performance.now();
  const live = output.isTTY === true && process.env["CI"] === undefined;
  let frame = 0;
  let ticker: NodeJS.Timeout | undefined;

  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(6)} s`;
  const name = (step: Step): string => step.name.padEnd(14);

  function print(text: string): void {
    output.write(`${live ? "\r\u001B[2K" : ""}${text}\n`);
    if (live) drawSpinner();
  }

  function drawSpinner(): void {
    if (active.size === 0) return;
    const parts = [...active].map(
      (one) => `${one.step.name} ${((performance.now() - one.startedMs) / 1000).toFixed(0)} s`,
    );
    output.write(`\r\u001B[2K${FRAMES[frame % FRAMES.length]} ${parts.join(" · ")}`);
  }

  function tick(): void {
    frame += 1;
    for (const one of active) {
      if (one.announced || performance.now() - one.startedMs < SLOW_MS) continue;
      one.announced = true;
      const log = one.step.logFile === undefined ? "" : `   log ${one.step.logFile}`;
      print(`  … ${name(one.step)}          waiting for ${one.note}${log}`);
    }
    if (live) drawSpinner();
  }

  function begin(one: Active): void {
    active.add(one);
    ticker ??= setInterval(tick, live ? 120 : 250).unref();
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
        note: step.waitsFor,
        announced: false,
      };
      let result = "";
      begin(one);
      try {
        const value = await run((text) => {
          result = text;
          if (one.announced && text !== one.note) print(`  … ${name(step)}          ${text}`);
          one.note = text;
        });
        finish(one);
        print(
          `  ✓ ${name(step)}${seconds(performance.now() - one.startedMs)}  ${result}`.trimEnd(),
        );
        return value;
      } catch (error) {
        finish(one);
        print(`  ✗ ${name(step)}${seconds(performance.now() - one.startedMs)}`);
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
    step: (_step, run) => run(() => {}),
    line: () => {},
    elapsedMs: () => performance.now() - startMs,
  };
}

/** Prints a failure with the end of its log and the one thing to try. */
export function printFailure(error: unknown, output: Output = process.stderr): void {
  output.write(`\n${failureBlock(error)}\n`);
}
