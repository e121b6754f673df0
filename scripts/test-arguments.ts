// The arguments of `npm test -- …`: names of test files, and flags for jest.
import { createRequire } from "node:module";
import { UsageError } from "./command-line.ts";
import { escapePath } from "./jest-run.ts";

/** The part of jest's own list of its flags that matters here. */
type JestFlags = Readonly<
  Record<string, { readonly alias?: string; readonly requiresArg?: boolean }>
>;

// jest-cli is a dependency of jest, not ours.
const requireFromJest = createRequire(createRequire(import.meta.url).resolve("jest/package.json"));
const { yargsOptions }: { yargsOptions: JestFlags } = requireFromJest("jest-cli");

const FLAGS_WITH_VALUE = new Set(
  Object.entries(yargsOptions)
    .filter(([, { requiresArg }]) => requiresArg === true)
    .flatMap(([name, { alias }]) => [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])]),
);

/** Ours, beside jest's. */
const OWN_FLAGS = ["--changed", "--help", "-h"];
const FLAGS = new Set([
  ...OWN_FLAGS,
  ...Object.entries(yargsOptions).flatMap(([name, { alias }]) => [
    `--${name}`,
    `--no-${name}`,
    ...(alias === undefined ? [] : [`-${alias}`]),
  ]),
]);

/**
 * Tells names from flags; the value after a flag that takes one (`-t "a hole"`) stays with its flag.
 * @throws UsageError for a flag that nobody knows, and for one without its value
 */
export function splitTestArguments(args: readonly string[]): {
  readonly names: string[];
  readonly flags: string[];
} {
  const names: string[] = [];
  const flags: string[] = [];
  let isValue = false;
  for (const argument of args) {
    if (!isValue && argument.startsWith("-") && !FLAGS.has(argument.split("=")[0] ?? ""))
      throw new UsageError(`unknown option ${argument}`);
    if (isValue || argument.startsWith("-")) flags.push(argument);
    else names.push(argument);
    isValue = !isValue && FLAGS_WITH_VALUE.has(argument);
  }
  if (isValue) throw new UsageError(`${args.at(-1)} needs a value`);
  return { names, flags };
}

/**
 * The regular expression for jest that matches the test files whose path below `folder` matches `name`.
 * @throws UsageError when the name is no regular expression, or matches none of the files
 */
export function patternOf(name: string, folder: string, files: readonly string[]): string {
  // jest matches against whole paths; a name must match below test/, wherever the clone is.
  const pattern = `${escapePath(folder)}/.*${name.replace(/^(\.\/)?test\//, "")}`;
  let expression: RegExp;
  try {
    // As jest does it.
    expression = new RegExp(pattern, "i");
  } catch {
    throw new UsageError(`${name} is no regular expression; put a \\ before ( ) [ ] * + ? \\`);
  }
  if (!files.some((file) => expression.test(file)))
    throw new UsageError(`no test file below test/ has a path that matches ${name}`);
  return pattern;
}
