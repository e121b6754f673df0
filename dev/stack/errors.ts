import { existsSync, readFileSync } from "node:fs";

/** A failure while the local stack starts: what went wrong, where the log is, and the one thing to try. */
export class StackError extends Error {
  readonly logFile: string | undefined;
  readonly tryThis: string | undefined;

  constructor(
    message: string,
    details: { logFile?: string | undefined; tryThis?: string; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "StackError";
    this.logFile = details.logFile;
    this.tryThis = details.tryThis;
  }
}

/** The last lines of a log file; empty when there is none. */
export function lastLines(logFile: string, count = 20): string[] {
  if (!existsSync(logFile)) return [];
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n");
  return lines.slice(-count).filter((line) => line !== "");
}

/** A failure as people read it: the message, the last 20 log lines of the failing part, one thing to try. */
export function failureBlock(error: unknown): string {
  if (!(error instanceof StackError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = [error.message];
  if (error.logFile !== undefined) {
    lines.push("", `  last lines of ${error.logFile}`);
    const tail = lastLines(error.logFile);
    lines.push(...(tail.length === 0 ? ["  | (empty)"] : tail.map((line) => `  | ${line}`)));
  }
  if (error.tryThis !== undefined) lines.push("", `  Try: ${error.tryThis}`);
  return lines.join("\n");
}

/** The code of a system error, e.g. EEXIST. Not by instanceof: jest gives test files another Error. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
