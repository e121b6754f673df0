import { types } from "node:util";

/**
 * Every failure is classified once, where it is understood:
 * - `retry`: the other side is away or slow; the same call may succeed later and did nothing now.
 * - `refuse`: the call can never succeed as it stands; the caller must change something.
 * - `unknown`: the effect may or may not have happened; it is resolved by looking, never by guessing.
 */
export type FailureKind = "retry" | "refuse" | "unknown";

/** One problem inside a refused document: `pointer` is a JSON pointer (RFC 6901) into it. */
export interface FieldProblem {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

export interface AppErrorOptions {
  readonly kind: FailureKind;
  /** Stable machine-readable name, e.g. `auction_not_found`. */
  readonly code: string;
  /** What went wrong and what to do about it, for people. Never holds a secret. */
  readonly message: string;
  /** HTTP status when this reaches the API; by default 503 for `retry` and `unknown`, 422 for `refuse`. */
  readonly status?: number;
  readonly errors?: readonly FieldProblem[];
  readonly retryAfterS?: number;
  readonly cause?: unknown;
}

/** The one error class of the product. Anything else that is thrown is a defect. */
export class AppError extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly status: number;
  readonly errors: readonly FieldProblem[];
  readonly retryAfterS: number | undefined;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.kind = options.kind;
    this.code = options.code;
    this.status = options.status ?? (options.kind === "refuse" ? 422 : 503);
    this.errors = options.errors ?? [];
    this.retryAfterS = options.retryAfterS;
  }
}

/** A failure of an outside service that may pass: 503 with Retry-After at the API, a retry in an activity. */
export function unavailable(code: string, message: string, cause?: unknown): AppError {
  return new AppError({ kind: "retry", code, message, status: 503, retryAfterS: 5, cause });
}

/** A call that cannot succeed as it stands. */
export function refused(
  code: string,
  message: string,
  status = 422,
  errors: readonly FieldProblem[] = [],
): AppError {
  return new AppError({ kind: "refuse", code, message, status, errors });
}

/** The message of whatever was thrown, for logs; vendors throw plain objects and errors with object messages. */
export function messageOf(error: unknown): string {
  // Not only instanceof: an error of another realm (a vm, a worker) is one too.
  if (error instanceof Error || types.isNativeError(error))
    return typeof error.message === "string" ? error.message : JSON.stringify(error.message);
  if (typeof error === "string") return error;
  try {
    return JSON.stringify(error) ?? String(error);
  } catch {
    return String(error);
  }
}
