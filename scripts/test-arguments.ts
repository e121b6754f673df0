// The arguments of `npm test -- …`: names of test files, and flags for jest.
import { createRequire } from "node:module";

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

/** Tells names from flags; the value after a flag that takes one (`-t "a hole"`) stays with its flag. */
export function splitTestArguments(args: readonly string[]): {
  readonly names: string[];
  readonly flags: string[];
} {
  const names: string[] = [];
  const flags: string[] = [];
  let isValue = false;
  for (const argument of args) {
    if (isValue || argument.startsWith("-")) flags.push(argument);
    else names.push(argument);
    isValue = !isValue && FLAGS_WITH_VALUE.has(argument);
  }
  return { names, flags };
}
