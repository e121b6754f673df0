import { parseArgs } from "node:util";
import { StackError } from "./errors.ts";
import { choosePorts, portFlags, PORTS } from "./ports.ts";
import type { StackOptions } from "./stack.ts";

/** What --help prints: a title, and what each flag of the launcher and of every launcher does. */
export function usageText(title: string, flags: Readonly<Record<string, string>>): string {
  const all = {
    ...flags,
    "--fresh": "wipe the data of the stack first",
    "--data-dir DIR": "keep data and logs there, not in .dev: a second stack",
    "--free-ports": "take any ports that are free",
    ...Object.fromEntries(
      Object.values(PORTS).map(({ flag, port, what }) => [`--${flag} N`, `${what} (${port})`]),
    ),
    "--help": "print this",
  };
  const lines = Object.entries(all).map(([flag, text]) => `  ${flag.padEnd(24)} ${text}`);
  return [title, "", ...lines].join("\n");
}

/** The flags every launcher of the stack understands, as startStack options. */
export function stackFlags(
  args: readonly string[],
  extra: Readonly<Record<string, { type: "boolean" | "string" }>> = {},
): { options: StackOptions; values: Readonly<Record<string, string | boolean | undefined>> } {
  const values = parse(args, extra);
  const dataDir = values["data-dir"];
  return {
    values,
    options: {
      fresh: values["fresh"] === true,
      ports: values["free-ports"] === true ? "free" : choosePorts(values),
      ...(typeof dataDir === "string" ? { dataDir } : {}),
    },
  };
}

function parse(
  args: readonly string[],
  extra: Readonly<Record<string, { type: "boolean" | "string" }>>,
): Record<string, string | boolean | undefined> {
  const options = {
    fresh: { type: "boolean" },
    "free-ports": { type: "boolean" },
    "data-dir": { type: "string" },
    help: { type: "boolean", short: "h" },
    ...portFlags(),
    ...extra,
  } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (cause) {
    const known = Object.entries(options).map(
      ([name, { type }]) => `--${name}${type === "string" ? " …" : ""}`,
    );
    throw new StackError(cause instanceof Error ? cause.message : String(cause), {
      tryThis: `one of ${known.join(", ")}`,
      cause,
    });
  }
}
