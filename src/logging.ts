import { AsyncLocalStorage } from "node:async_hooks";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import winston from "winston";
import { messageOf } from "./errors.ts";

/** Fields that belong on every line written while one request, workflow or auction is worked on. */
export interface LogContext {
  readonly requestId?: string;
  readonly workflowId?: string;
  readonly auctionId?: string;
  readonly meetingId?: string;
  readonly userId?: string;
}

export type Logger = winston.Logger;

const contexts = new AsyncLocalStorage<LogContext>();

/** Runs `work` so that every line logged inside carries `context` (added to what is already there). */
export function withLogContext<T>(context: LogContext, work: () => T): T {
  return contexts.run({ ...contexts.getStore(), ...context }, work);
}

/** What a line says itself wins over what surrounds it. */
const addContext = winston.format((info) =>
  Object.assign(info, { ...contexts.getStore(), ...info }),
);

/** Errors become plain fields; their cause keeps its message, as vendors hide the reason there. */
const plainErrors = winston.format((info) => {
  const error = info["error"];
  if (error instanceof Error) {
    info["error"] = {
      name: error.name,
      message: messageOf(error),
      ...("code" in error ? { code: error.code } : {}),
      stack: error.stack,
      ...(error.cause instanceof Error ? { cause: error.cause.message } : {}),
    };
  }
  return info;
});

/** What a stranger wrote must not move a terminal's cursor, colour it, turn it round, or look like a line of its own. */
const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );

/** A line for people, for a terminal. */
export const readable = winston.format.printf(({ timestamp, level, message, ...fields }) => {
  delete fields["service"];
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
    )
    .join(" ");
  return `${String(timestamp).slice(11, 23)} ${level} ${printable(String(message))}${rest === "" ? "" : `  ${rest}`}`;
});

export interface LoggingOptions {
  readonly service: string;
  readonly level: string;
  /** Folder for combined.log and error.log; unset writes no files. */
  readonly directory?: string;
  /** Whether to write to the console too; true unless said otherwise. */
  readonly console?: boolean;
  /** Readable lines on a terminal, JSON lines otherwise. */
  readonly terminal: boolean;
}

/** The one logger of a process: JSON lines in combined.log and error.log, and the console. */
export function createLogger(options: LoggingOptions): Logger {
  const { combine, timestamp, json, colorize } = winston.format;
  const transports: winston.transport[] = [];
  if (options.console !== false) {
    transports.push(
      new winston.transports.Console({
        format: options.terminal ? combine(colorize(), readable) : json(),
        stderrLevels: ["error"],
      }),
    );
  }
  if (options.directory !== undefined) {
    mkdirSync(options.directory, { recursive: true });
    transports.push(
      new winston.transports.File({
        filename: join(options.directory, "combined.log"),
        format: json(),
      }),
      new winston.transports.File({
        filename: join(options.directory, "error.log"),
        level: "error",
        format: json(),
      }),
    );
  }
  return winston.createLogger({
    level: options.level,
    defaultMeta: { service: options.service },
    format: combine(timestamp(), addContext(), plainErrors()),
    transports,
  });
}

/** A logger that writes nothing, for code run outside a process of ours. */
export function silentLogger(): Logger {
  return winston.createLogger({
    silent: true,
    transports: [new winston.transports.Console({ silent: true })],
  });
}
