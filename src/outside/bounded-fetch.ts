/** Why a request to an outside service gave no usable answer. Holds no header, no body and no URL query. */
export class OutsideError extends Error {
  /** HTTP status, when there was an answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = "OutsideError";
    this.status = status;
  }
}

export interface BoundedRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Limit of the whole call, answer included, milliseconds. */
  readonly timeoutMs: number;
  /** Longest answer that is read, bytes. */
  readonly maxBytes?: number;
}

export interface BoundedAnswer {
  readonly status: number;
  readonly text: string;
}

const MAX_BYTES = 256 * 1024;

/**
 * One HTTP request with a limit on time and size, and no redirects: a redirect would carry our keys
 * to wherever the answer points.
 * @throws OutsideError when no complete answer came; any status is an answer.
 */
export async function boundedFetch(url: string, request: BoundedRequest): Promise<BoundedAnswer> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: request.method,
      redirect: "manual",
      signal: AbortSignal.timeout(request.timeoutMs),
      ...(request.headers === undefined ? {} : { headers: { ...request.headers } }),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
  } catch (error) {
    throw new OutsideError(reasonOf(error));
  }
  try {
    return {
      status: response.status,
      text: await readBounded(response, request.maxBytes ?? MAX_BYTES),
    };
  } catch (error) {
    if (error instanceof OutsideError) throw error;
    throw new OutsideError(reasonOf(error), response.status);
  }
}

/** @throws OutsideError when the text is no JSON */
export function parseJson(answer: BoundedAnswer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    throw new OutsideError("the answer is not JSON", answer.status);
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new OutsideError(`the answer is longer than ${maxBytes} bytes`, response.status);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Only names and codes: messages of network errors can hold addresses and headers. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
  const code: unknown =
    error.cause instanceof Error && "code" in error.cause ? error.cause.code : undefined;
  return typeof code === "string" ? `no answer (${code})` : "no answer";
}
