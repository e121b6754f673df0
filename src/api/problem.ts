import { STATUS_CODES } from "node:http";
import { types } from "node:util";
import { z } from "zod";
import { AppError, refused } from "../errors.ts";

/** The media type of every error (RFC 9457). */
export const PROBLEM_TYPE = "application/problem+json";

export const FieldProblemSchema = z
  .strictObject({
    pointer: z.string().meta({
      description:
        "JSON pointer into the body, or `/query/<name>`, `/path/<name>`, `/headers/<name>`",
      examples: ["/title"],
    }),
    code: z.string().meta({ examples: ["too_small"] }),
    detail: z.string(),
  })
  .meta({ id: "FieldProblem" });

export const ProblemSchema = z
  .strictObject({
    type: z.string().meta({
      description: "Stable identifier of the kind of problem",
      examples: ["urn:meeting-auction:problem:auction_not_found"],
    }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    code: z.string().meta({
      description: "Machine-readable name of the problem; new ones may be added",
      examples: ["auction_not_found"],
    }),
    requestId: z.string(),
    errors: z.array(FieldProblemSchema),
  })
  .meta({ id: "Problem", description: "An error, as RFC 9457 describes it" });

export type Problem = z.infer<typeof ProblemSchema>;

export function problem(options: {
  status: number;
  code: string;
  detail: string;
  requestId: string;
  errors?: Problem["errors"];
}): Problem {
  return {
    type: `urn:meeting-auction:problem:${options.code}`,
    title: STATUS_CODES[options.status] ?? "Error",
    status: options.status,
    detail: options.detail,
    code: options.code,
    requestId: options.requestId,
    errors: options.errors ?? [],
  };
}

/** Postgres and pg codes that mean the database is away or going away, not that the statement is wrong. */
const DATABASE_AWAY =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|53...|57P0[1-3])$/;
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
