import type { Para } from "@getpara/server-sdk";
import { z } from "zod";
import { AppError, refused, unavailable } from "../errors.ts";
import type { ConfirmedSession, JwtVerifier } from "./jwt.ts";
import { withQuietConsole } from "../outside/quiet-console.ts";
import type { ParaEnvironment } from "./types.ts";

export interface SessionImporterOptions {
  readonly environment: ParaEnvironment;
  readonly apiKey: string;
  readonly apiBase: string;
  readonly timeoutMs: number;
  readonly verifyJwt: JwtVerifier;
}

/** Our names of Para's environments, and the SDK's. */
const ENVIRONMENTS = {
  dev: "DEV",
  sandbox: "SANDBOX",
  beta: "BETA",
  prod: "PROD",
} as const satisfies Record<ParaEnvironment, string>;

const MAX_ANSWER_BYTES = 1024 * 1024;
const issuedJwt = z.looseObject({ token: z.string().min(1).max(16_384) });

/**
 * Imports a session (as `readExportedSession` returns it) into a fresh SDK instance and asks Para
 * about it. The import itself is local and succeeds with an expired session too; what counts is
 * that Para calls the session active and signs a JWT for it.
 * @throws AppError refuse 401 `para_session_inactive` or `para_jwt_invalid`; retry `para_unavailable`.
 */
export async function importSession(
  options: SessionImporterOptions,
  exported: string,
): Promise<ConfirmedSession> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // The SDK waits for ever when Para does not answer, whatever its HTTP client is told.
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(
          unavailable(
            "para_unavailable",
            `Para did not answer within ${options.timeoutMs} ms. Try again.`,
          ),
        ),
      options.timeoutMs,
    );
  });
  try {
    const token = await Promise.race([
      withQuietConsole(() => openSession(options, exported, abort.signal)),
      late,
    ]);
    return await Promise.race([options.verifyJwt(token), late]);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw classify(error);
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

async function openSession(
  options: SessionImporterOptions,
  exported: string,
  signal: AbortSignal,
): Promise<string> {
  // Loaded on first use: importing the SDK takes most of a second, and few processes ever need it.
  const { Environment, Para } = await import("@getpara/server-sdk");
  // Without disableWebSockets the SDK downloads and runs a worker script that keeps the process alive.
  const para = new Para(Environment[ENVIRONMENTS[options.environment]], options.apiKey, {
    disableWebSockets: true,
  });
  // In the same tick: the first request leaves on a later one. The SDK has no option for any of these.
  Object.assign(httpDefaults(para), {
    baseURL: options.apiBase,
    timeout: options.timeoutMs,
    signal,
    maxRedirects: 0,
    maxContentLength: MAX_ANSWER_BYTES,
    transformResponse: [readAnswer],
  });
  await para.importSession(exported);
  if (!(await para.isSessionActive())) throw inactive();
  const answer = issuedJwt.safeParse(await para.issueJwt().catch(rethrowJwtError));
  if (!answer.success)
    throw unavailable("para_unavailable", "Para issued no JWT for the session. Try again.");
  return answer.data.token;
}

/**
 * Without these names JavaScript makes a text of every value. The SDK does so with error answers, in a callback of its own: there a
 * value that is no text ends the process.
 */
const UNTEXTABLE: ReadonlySet<string> = new Set(["toString", "valueOf", "__proto__"]);

/** Parses an answer as axios does (what is no JSON stays a text), without what the SDK cannot bear. */
function readAnswer(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body, (key, value: unknown) => (UNTEXTABLE.has(key) ? undefined : value));
  } catch {
    return body;
  }
}

/** The defaults of the SDK's own axios instance; its type is not exported. */
function httpDefaults(para: Para): object {
  const parsed = z
    .object({ baseRequest: z.custom<{ defaults: object }>((value) => typeof value === "function") })
    .safeParse({ baseRequest: Reflect.get(para.ctx.client, "baseRequest") });
  if (!parsed.success)
    throw new AppError({
      kind: "refuse",
      code: "para_sdk_incompatible",
      message: "This version of @getpara/server-sdk has no HTTP client where it is expected.",
      status: 500,
    });
  return parsed.data.baseRequest.defaults;
}

/** A session that ends between the two questions is refused a JWT. Refusals elsewhere concern our API key. */
function rethrowJwtError(error: unknown): never {
  const status = statusOf(error);
  throw status === 401 || status === 403 ? inactive() : error;
}

/** The SDK's errors may hold response bodies and headers, so only their status is looked at. */
function statusOf(error: unknown): number | undefined {
  const status =
    typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
  return typeof status === "number" ? status : undefined;
}

function classify(error: unknown): AppError {
  const status = statusOf(error);
  return unavailable(
    "para_unavailable",
    `Para could not confirm the session${status === undefined ? "" : ` (status ${status})`}. Try again.`,
  );
}

function inactive(): AppError {
  return refused(
    "para_session_inactive",
    "This Para session is not active any more. Sign in again and export a fresh one.",
    401,
  );
}
