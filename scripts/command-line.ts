// What the commands of this repository share when they read their options (npm run simulate, npm run bench).
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** A command line that cannot be followed; the message is one line for whoever typed it. */
export class UsageError extends Error {}

type Values<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T }>
>["values"];

/** The options as given. @throws UsageError for one that is unknown, given twice or without its value, and for anything else */
export function parseOptions<const T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
): Values<T> {
  try {
    const { values, tokens } = parseArgs({ args: [...args], options, tokens: true });
    const names = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new UsageError(`--${twice} is given twice`);
    return values;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // Node goes on with advice in further sentences.
    const message = error instanceof Error ? error.message : String(error);
    const ambiguous = /'(--[\w-]+)' argument is ambiguous/.exec(message)?.[1];
    throw new UsageError(
      ambiguous === undefined
        ? message.split(/\. |\n/)[0]
        : `${ambiguous} takes no value that begins with -; if yours does, write ${ambiguous}=VALUE`,
    );
  }
}

/** A decimal number without sign, point or exponent. @throws UsageError */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`${name} takes a whole number from ${least} to ${most}, not "${text}"`);
  return value;
}

/** A file to write in a folder that is there: work of minutes must not end with a path that is none. @throws UsageError */
export function fileToWrite(name: string, path: string): string {
  if (path === "" || isFolder(path) === true) throw new UsageError(`${name} takes a file`);
  const folder = dirname(resolve(path));
  if (isFolder(folder) !== true) throw new UsageError(`${name}: there is no folder ${folder}`);
  return path;
}

/** A folder, there or to be made. @throws UsageError */
export function folderToWrite(name: string, path: string): string {
  let there = resolve(path);
  while (isFolder(there) === undefined) there = dirname(there);
  if (path === "" || isFolder(there) === false) throw new UsageError(`${name} takes a folder`);
  return path;
}

function isFolder(path: string): boolean | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory();
}

/**
 * The options that `read` makes of this process's arguments. Ends the process when there are none: with the usage and exit
 * code 0 after --help, with what is wrong and the usage on stderr and exit code 2 after a UsageError.
 */
export function readOptions<T>(usage: string, read: (args: readonly string[]) => T): T {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return read(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}

/** `1 seed`, `2 seeds`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;
