import { parseArgs } from "node:util";
import { StackError } from "./errors.ts";
import { choosePorts, portFlags } from "./ports.ts";
import type { StackOptions } from "./stack.ts";

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
