import { STATUS_CODES } from "node:http";
import { types } from "node:util";
import { z } from "zod";
import { AppError, messageOf, refused } from "../errors.ts";
import { problemKind, problemType } from "./problems/catalog.ts";

/** The media type of every error (RFC 9457). */
export const PROBLEM_TYPE = "application/problem+json";

/** A body can have more wrong than anybody wants to read. */
const MAX_FIELD_PROBLEMS = 50;
const MAX_CAUSES = 5;

export const FieldProblemSchema = z
  .strictObject({
    pointer: z
      .string()
      .max(1_000)
      .meta({
        description:
          "JSON pointer into the body, or `/query/<name>`, `/path/<name>`, `/headers/<name>`",
        examples: ["/title"],
      }),
    code: z
      .string()
      .max(100)
      .meta({ examples: ["too_small"] }),
    detail: z.string().max(1_000),
  })
  .meta({ id: "FieldProblem" });

export const ProblemSchema = z
  .strictObject({
    type: z
      .string()
      .max(200)
      .meta({
        format: "uri-reference",
        description: "The kind of problem: a page of this server that says what to do about it",
        examples: ["/docs/problems/auction_not_found"],
      }),
    title: z.string().max(100).meta({ description: "The kind of problem in a few words" }),
    status: z.int().min(400).max(599),
    detail: z.string().max(2_000).meta({ description: "What is wrong this time, for people" }),
    code: z
      .string()
      .max(100)
      .meta({
        description: "Machine-readable name of the problem; new ones may be added",
        examples: ["auction_not_found"],
      }),
    requestId: z
      .string()
      .max(64)
      .meta({ description: "The same as the header X-Request-Id; the log has the cause under it" }),
    errors: z.array(FieldProblemSchema).max(MAX_FIELD_PROBLEMS),
    causes: z
      .array(z.string().max(10_000))
      .max(MAX_CAUSES + 1)
      .optional()
      .meta({ description: "What led to it, outermost first. Never in production" }),
  })
  .meta({ id: "Problem", description: "An error, as RFC 9457 describes it" });

export type Problem = z.infer<typeof ProblemSchema>;

/** The problem document of a failure. */
export function problem(options: {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: Problem["errors"];
  /** Only outside production. */
  readonly causes?: string[] | undefined;
}): Problem {
  const { status, code, detail, requestId, errors = [], causes } = options;
  return {
    type: problemType(code),
    title: problemKind(code)?.title ?? STATUS_CODES[status] ?? "Error",
    status,
    detail: detail.slice(0, 2_000),
    code,
    requestId,
    errors: errors.slice(0, MAX_FIELD_PROBLEMS).map((one) => ({
      pointer: one.pointer.slice(0, 1_000),
      code: one.code,
      detail: one.detail.slice(0, 1_000),
    })),
    ...(causes === undefined ? {} : { causes }),
  };
}

/** What led to an error, outermost first; the last one with where it happened. For developers only. */
export function causesOf(error: unknown): string[] {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && one !== null && chain.length < MAX_CAUSES;) {
    chain.push(one);
    one = types.isNativeError(one) ? one.cause : undefined;
  }
  const innermost = chain.at(-1);
  const where = types.isNativeError(innermost)
    ? /\n\s+(at .+)/.exec(innermost.stack ?? "")?.[1]
    : undefined;
  return [...chain.map(messageOf), ...(where === undefined ? [] : [where])].map((text) =>
    text.slice(0, 10_000),
  );
}

/** Postgres and pg codes that mean the database is away or going away, not that the statement is wrong. */
const DATABASE_AWAY =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|53...|57P0[1-3]|database_unavailable)$/;
const POOL_AWAY =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error)/;

/**
 * What was thrown, as an AppError: broken bodies and a database that is away are recognised; `undefined` means a defect.
 */
export function asAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  if (!types.isNativeError(error)) return undefined;
  const status = "status" in error ? error.status : undefined;
  if (status === 413)
    return refused("body_too_large", "the body is larger than this route takes", 413);
  if (status === 415)
    return refused(
      "content_type_unsupported",
      "the body's Content-Encoding is not one this API knows: gzip, deflate or br",
      415,
    );
  if (status === 400)
    return refused("body_malformed", "the body cannot be read as its content type says", 400);
  const code = "code" in error ? String(error.code) : "";
  if (DATABASE_AWAY.test(code) || POOL_AWAY.test(error.message)) {
    return new AppError({
      kind: "retry",
      code: "database_unavailable",
      message: "the database does not answer; try again soon",
      status: 503,
      retryAfterS: 5,
      cause: error,
    });
  }
  return undefined;
}
