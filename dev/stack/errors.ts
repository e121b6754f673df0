import { existsSync, readFileSync } from "node:fs";

/** A failure while the local stack starts: what went wrong, where the log is, and the one thing to try. */
export class StackError extends Error {
  readonly logFile: string | undefined;
  /** Where in the log the failing process began, in bytes. */
  readonly logFrom: number;
  readonly tryThis: string | undefined;

  constructor(
    message: string,
    details: {
      logFile?: string | undefined;
      logFrom?: number | undefined;
      tryThis?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "StackError";
    this.logFile = details.logFile;
    this.logFrom = details.logFrom ?? 0;
    this.tryThis = details.tryThis;
  }
}

/** The last lines of a log file behind `from` bytes; empty when there is none. */
export function lastLines(logFile: string, count = 20, from = 0): string[] {
  if (!existsSync(logFile)) return [];
  const lines = readFileSync(logFile).subarray(from).toString("utf8").trimEnd().split("\n");
  return lines.slice(-count).filter((line) => line !== "");
}

/** A line of the product's log, as far as it is one. */
interface LogLine {
  readonly level?: unknown;
  readonly message?: unknown;
  readonly error?: { readonly message?: unknown; readonly stack?: unknown };
}

/**
 * Why a process ended, out of its last lines: errors as people read them, with the place in the source, and what is no line of our
 * log. All lines when there is none of these.
 */
export function reasonsIn(lines: readonly string[]): string[] {
  const reasons = lines.flatMap((line) => {
    const { level, message, error } = logLine(line);
    if (typeof level !== "string" || typeof message !== "string") return [line];
    if (level !== "error") return [];
    const why = error?.stack ?? error?.message;
    const text = typeof why === "string" ? `${message}: ${why}` : message;
    // What Node does inside helps nobody to find the place. JSON's escapes are characters again, which a terminal would obey.
    const readable = text.split("\n").filter((one) => !/^\s+at .*\bnode:internal\//.test(one));
    return readable.map((one) => one.replaceAll(/\p{Cc}/gu, "�"));
  });
  return reasons.length === 0 ? [...lines] : reasons;
}

/** Nothing of a line that is no JSON. */
function logLine(line: string): LogLine {
  try {
    return (JSON.parse(line) as LogLine | null) ?? {};
  } catch {
    return {};
  }
}

/**
 * A failure as people read it: the message, the reasons in the last lines of the failing part's log, one thing to try; without
 * `advice` the first two alone.
 */
export function failureBlock(error: unknown, { advice = true } = {}): string {
  if (!(error instanceof StackError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = [error.message];
  if (error.logFile !== undefined) {
    if (advice) lines.push("", `  last lines of ${error.logFile}`);
    const reasons = reasonsIn(lastLines(error.logFile, 20, error.logFrom));
    lines.push(...(reasons.length === 0 ? ["  | (empty)"] : reasons.map((line) => `  | ${line}`)));
  }
  if (advice && error.tryThis !== undefined) lines.push("", `  Try: ${error.tryThis}`);
  return lines.join("\n");
}

/** The code of a system error, e.g. EEXIST. Not by instanceof: jest gives test files another Error. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
