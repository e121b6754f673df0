import type { z } from "zod";
import { refused, type FieldProblem } from "../errors.ts";

/** Escapes one step of a JSON pointer (RFC 6901). */
function step(key: PropertyKey): string {
  return `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Zod's issues as field problems. A refused unknown field is named by its own pointer. */
function problemsOf(issues: readonly z.core.$ZodIssue[], prefix: string): FieldProblem[] {
  return issues.flatMap((issue): FieldProblem[] => {
    const pointer = prefix + issue.path.map(step).join("");
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        pointer: pointer + step(key),
        code: "unknown_field",
        detail: "there is no such field",
      }));
    if (issue.code === "invalid_union") {
      const best = issue.errors.toSorted((a, b) => a.length - b.length)[0];
      if (best !== undefined && best.length > 0) return problemsOf(best, pointer);
    }
    return [{ pointer, code: issue.code, detail: issue.message }];
  });
}

/**
 * Where a text holds a NUL, which Postgres cannot store; `undefined` when none does. With a list of what is left to look at
 * and no recursion: a body of some kilobytes can be nested more deeply than the stack reaches.
 */
function findNul(whole: unknown, prefix: string): string | undefined {
  const left = [{ value: whole, pointer: prefix }];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    const { value, pointer } = one;
    if (typeof value === "string" && value.includes("\0")) return pointer;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (key.includes("\0")) return pointer + step(key);
      left.push({ value: inner, pointer: pointer + step(key) });
    }
  }
  return undefined;
}

/** Parses input. @throws AppError refuse 422 `input_invalid` naming every field that is wrong. */
export function parseInput<S extends z.ZodType>(
  schema: S,
  value: unknown,
  prefix: string,
): z.output<S> {
  const nul = findNul(value, prefix);
  if (nul !== undefined)
    throw refused("input_invalid", "one field is not as it should be", 422, [
      { pointer: nul, code: "nul_character", detail: "a text cannot hold the NUL character" },
    ]);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = problemsOf(result.error.issues, prefix);
  throw refused(
    "input_invalid",
    errors.length === 1
      ? "one field is not as it should be"
      : `${errors.length} fields are not as they should be`,
    422,
    errors,
  );
}
