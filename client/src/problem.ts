import type { FieldProblem, Problem } from "./generated/api.ts";
import type { ProblemStatuses } from "./generated/codes.ts";

/** The codes there were when this client was made; more may be added. */
export type ProblemCode = keyof ProblemStatuses;

/**
 * What to do about a failure: `log-in` again, `wait` and repeat the same, `change` what is asked for or give up, `report` it to whoever
 * runs the service.
 */
export type Advice = "log-in" | "wait" | "change" | "report";

const WAIT_STATUSES = [408, 429, 502, 503, 504];

function adviceOf(status: number, code: string): Advice {
  if (status === 401) return "log-in";
  if (WAIT_STATUSES.includes(status) || code === "idempotency_key_in_flight") return "wait";
  return status >= 500 ? "report" : "change";
}

/** An answer that is a problem (RFC 9457). `message` is its `detail`. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly code: ProblemCode | (string & {});
  readonly title: string;
  readonly advice: Advice;
  /** Which fields are at fault, by JSON pointer. */
  readonly errors: readonly FieldProblem[];
  /** For whoever looks into the log. */
  readonly requestId: string | undefined;
  /** The page that says what this kind of problem means and what to do. */
  readonly helpUrl: string | undefined;
  /** How long the server asks to wait before the next try. */
  readonly retryAfterMs: number | undefined;

  constructor(response: Response, body: unknown) {
    const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
    super(problem.detail ?? `the server answered ${response.status} ${response.statusText}`.trim());
    this.status = response.status;
    this.code = problem.code ?? `http_${response.status}`;
    this.title = problem.title ?? response.statusText;
    this.advice = adviceOf(this.status, this.code);
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId ?? response.headers.get("x-request-id") ?? undefined;
    this.helpUrl =
      problem.type?.startsWith("/") === true ? new URL(problem.type, response.url).href : undefined;
    this.retryAfterMs = retryAfterMs(response);
  }
}

/** What a Retry-After in seconds says. */
export function retryAfterMs({ headers }: Response): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}
