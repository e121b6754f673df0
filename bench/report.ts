// What is said of the figures once they are measured.
import { counted } from "../scripts/command-line.ts";
import { type Figure, median } from "./bench.ts";

/** Over several runs the median counts; a target holds when it held in every run. */
export function medians(runs: readonly (readonly Figure[])[]): Figure[] {
  return (runs[0] ?? []).map((figure, index) => {
    const all = runs.map((run) => run[index] as Figure);
    // One run without a number is no figure: a median would hide it.
    const values = all.map((one) => one.value);
    const value = values.every(Number.isFinite) ? median(values) : Number.NaN;
    if (figure.target === undefined) return { ...figure, value };
    const holds = all.every((one) => one.target?.holds === true);
    return { ...figure, value, target: { ...figure.target, holds } };
  });
}

/** A figure as a line. */
export function lineOf({ name, value, unit, target }: Figure): string {
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
  const verdict = target === undefined ? "" : `  ${target.holds ? "pass" : "MISS"}: ${target.text}`;
  return `  ${name.padEnd(52)} ${`${shown} ${unit}`.padStart(14)}${verdict}`;
}

/** The last line, and 1 for a hard target that is missed, and where nothing was measured. */
export function verdictOf(benches: readonly (readonly Figure[])[]): {
  readonly text: string;
  readonly exitCode: 0 | 1;
} {
  const figures = benches.flat();
  const nothing = figures.find((one) => !Number.isFinite(one.value));
  if (nothing !== undefined) return { text: `"${nothing.name}" was not measured.`, exitCode: 1 };
  if (benches.length === 0 || benches.some((one) => one.length === 0))
    return { text: "Nothing was measured.", exitCode: 1 };
  const missed = figures.filter((one) => one.target?.holds === false);
  if (missed.length === 0) return { text: "Every target is met.", exitCode: 0 };
  return {
    text: `${counted(missed.length, "target")} ${missed.length === 1 ? "is" : "are"} missed.`,
    exitCode: missed.some((one) => one.target?.hard === true) ? 1 : 0,
  };
}
