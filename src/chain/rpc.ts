import { z } from "zod";
import { AppError, messageOf, unavailable } from "../errors.ts";
import { type Endpoint, endpointOf, shown } from "./endpoints.ts";
import { isOfRequest, RpcError } from "./rpc-error.ts";

export { RpcError } from "./rpc-error.ts";

const AnswerSchema = z.union([
  z.object({
    error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }),
  }),
  z.object({ result: z.unknown() }),
]);

export interface JsonRpcOptions {
  /** Tried in order; the one that answered last is tried first. */
  readonly endpoints: readonly string[];
  readonly timeoutMs?: number;
  /** Called once per request to one endpoint, for metrics; `endpoint` is its host, `durationS` seconds. */
  readonly onRequest?: (
    method: string,
    endpoint: string,
    outcome: "ok" | "error" | "unanswered",
    durationS: number,
  ) => void;
}

/** A broken connection, in the words of undici and of Node. */
const BROKEN = ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"];
/** What must not happen twice unless it is known not to have happened. */
const WRITES = new Set(["eth_sendRawTransaction", "eth_sendTransaction"]);

/** How long an endpoint that did not answer is left out where the others suffice. */
const REST_MS = 10_000;
/** How long an endpoint counts as one of our chain once it was seen to be. */
const VERIFIED_FOR_MS = 15_000;
/** How long the others are waited for once one endpoint has answered. */
const GRACE_MS = 500;

const BrokenSchema = z.object({ cause: z.object({ code: z.enum(BROKEN) }) });

async function post(endpoint: Endpoint, body: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(endpoint.url, {
    method: "POST",
    headers: endpoint.headers,
    body,
    signal,
    redirect: "error",
  });
  // Nodes answer errors with status 200 or 4xx and a JSON body; a body that is not JSON is a proxy speaking.
  return response.json();
}

interface Answer<T> {
  readonly index: number;
  readonly value: T;
}

/**
 * Ethereum JSON-RPC over HTTP: one request per call, our own time-out, fail-over between endpoints.
 * ethers' provider is not used for this: it caches answers for 250 ms, batches, retries for up to five minutes and
 * rewrites error texts, each of which hides what the sender must know.
 */
export class JsonRpc {
  readonly endpoints: readonly string[];
  readonly #endpoints: readonly Endpoint[];
  readonly #timeoutMs: number;
  readonly #onRequest: NonNullable<JsonRpcOptions["onRequest"]>;
  readonly #restsUntilMs: number[] = [];
  /** The chain that every endpoint must serve, and when each was last seen to; forgotten when one does not answer. */
  #chainId: number | undefined;
  readonly #verifiedAtMs = new Map<number, number>();
  /** Who asks for the same at once waits for one answer. */
  readonly #verifying = new Map<number, Promise<void>>();
  #preferred = 0;
  #nextId = 1;

  constructor(options: JsonRpcOptions) {
    this.endpoints = options.endpoints;
    this.#endpoints = options.endpoints.map(endpointOf);
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#onRequest = options.onRequest ?? (() => undefined);
  }

  /** From now on an endpoint is used only after it was seen to serve this chain. */
  pin(chainId: number): void {
    this.#chainId = chainId;
  }

  /**
   * Asks the endpoints in turn until one answers, and parses the answer.
   * @throws RpcError when a node answered with an error that is about the request (a revert, a range too wide); AppError `rpc_unavailable` (retry) when none answered, or what
   *   was answered does not have the right form.
   */
  async call<T>(schema: z.ZodType<T>, method: string, parameters: readonly unknown[]): Promise<T> {
    let last: unknown;
    for (let attempt = 0; attempt < this.endpoints.length; attempt += 1) {
      const index = (this.#preferred + attempt) % this.endpoints.length;
      try {
        const value = schema.parse(await this.callEndpoint(index, method, parameters));
        this.#preferred = index;
        return value;
      } catch (error) {
        if (error instanceof RpcError && isOfRequest(error)) throw error;
        last = error;
      }
    }
    if (last instanceof AppError) throw last;
    throw unavailable(
      "rpc_unavailable",
      `no RPC endpoint answered ${method} as it should: ${messageOf(last).slice(0, 200)}`,
      last,
    );
  }

  /**
   * Asks every endpoint at once and returns what each answered: for questions on which a single node that lags must not be
   * believed. Once one has answered the others have GRACE_MS left: a node that hangs must not hold everything up.
   * @throws AppError `rpc_unavailable` (retry) when none gave an answer of the right form
   */
  async callAll<T>(
    schema: z.ZodType<T>,
    method: string,
    parameters: readonly unknown[],
  ): Promise<T[]> {
    return (await this.#fromEach(schema, method, parameters)).map((one) => one.value);
  }

  /**
   * The answer of the endpoint that is furthest ahead, as `progress` measures it. That endpoint is asked first from now on: a
   * node that answers but has stopped following the chain would otherwise stay the one that is believed.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async furthest<T>(
    schema: z.ZodType<T>,
    method: string,
    parameters: readonly unknown[],
    progress: (value: T) => number,
  ): Promise<T> {
    if (this.endpoints.length === 1) return this.call(schema, method, parameters);
    const answers = await this.#fromEach(schema, method, parameters);
    const best = answers.reduce((a, b) => (progress(b.value) > progress(a.value) ? b : a));
    const preferred = answers.find((one) => one.index === this.#preferred);
    if (preferred === undefined || progress(preferred.value) < progress(best.value))
      this.#preferred = best.index;
    return best.value;
  }

  /** What each endpoint answers; at least one answer. */
  async #fromEach<T>(
    schema: z.ZodType<T>,
    method: string,
    parameters: readonly unknown[],
  ): Promise<[Answer<T>, ...Answer<T>[]]> {
    const everyone = [...this.endpoints.keys()];
    const awake = everyone.filter((index) => (this.#restsUntilMs[index] ?? 0) <= Date.now());
    const answers: Answer<T>[] = [];
    const failures: unknown[] = [];
    const asked = awake.length > 0 ? awake : everyone;
    await new Promise<void>((resolve) => {
      let grace: NodeJS.Timeout | undefined;
      const ask = async (index: number): Promise<void> => {
        try {
          const value = schema.parse(await this.callEndpoint(index, method, parameters));
          answers.push({ index, value });
          grace ??= setTimeout(resolve, GRACE_MS);
        } catch (error) {
          failures.push(error);
        }
      };
      void Promise.all(asked.map(ask)).then(() => {
        clearTimeout(grace);
        resolve();
      });
    });
    const [first, ...rest] = [...answers].sort((a, b) => a.index - b.index);
    if (first !== undefined) return [first, ...rest];
    throw unavailable(
      "rpc_unavailable",
      `no RPC endpoint answered ${method} as it should: ${messageOf(failures[0]).slice(0, 200)}`,
      failures[0],
    );
  }

  /** Asks one endpoint, for at most `timeoutMs`. @throws RpcError; AppError `rpc_unavailable` when it did not answer. */
  async callEndpoint(
    index: number,
    method: string,
    parameters: readonly unknown[],
    timeoutMs = this.#timeoutMs,
  ): Promise<unknown> {
    const endpoint = this.#endpoints[index];
    if (endpoint === undefined) throw new Error(`no RPC endpoint ${index}`);
    const { host } = endpoint;
    if (method !== "eth_chainId") await this.#verify(index, method);
    const startedMs = performance.now();
    const note = (outcome: "ok" | "error" | "unanswered"): void => {
      if (outcome === "unanswered") this.#verifiedAtMs.delete(index);
      this.#restsUntilMs[index] = outcome === "unanswered" ? Date.now() + REST_MS : 0;
      this.#onRequest(method, host, outcome, (performance.now() - startedMs) / 1000);
    };
    let answer: z.infer<typeof AnswerSchema>;
    try {
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id: this.#nextId++,
        method,
        params: parameters,
      });
      const ask = (): Promise<unknown> => post(endpoint, body, AbortSignal.timeout(timeoutMs));
      // A node may close a kept connection in the instant it is used again. That says nothing of the node.
      const asked = WRITES.has(method)
        ? ask()
        : ask().catch((error: unknown) => {
            if (BrokenSchema.safeParse(error).success) return ask();
            throw error;
          });
      answer = AnswerSchema.parse(await asked);
    } catch (error) {
      note("unanswered");
      throw unavailable(
        "rpc_unavailable",
        `the RPC endpoint ${host} did not answer ${method}: ${shown(error, endpoint)}`,
        error,
      );
    }
    if ("error" in answer) {
      note("error");
      throw new RpcError(method, answer.error.code, answer.error.message, answer.error.data);
    }
    note("ok");
    return answer.result;
  }

  /**
   * Has every endpoint asked for its chain again before it is used: to be called before something is done that only another chain
   * could cause, a halt or a deep reorg.
   */
  doubtChain(): void {
    this.#verifiedAtMs.clear();
  }

  /** Whether an endpoint serves our chain at this moment. False also when it does not answer. */
  async isOurs(index: number): Promise<boolean> {
    this.#verifiedAtMs.delete(index);
    try {
      await this.#verify(index, "eth_chainId");
      return true;
    } catch {
      return false;
    }
  }

  /**
   * A node that was replaced behind its address may be of another chain: it must not be read, least of all as a reorg. Another chain
   * cannot take our transactions, which name theirs: once an endpoint was seen to serve ours, no send waits for this question.
   */
  async #verify(index: number, method: string): Promise<void> {
    if (this.#chainId === undefined) return;
    const atMs = this.#verifiedAtMs.get(index);
    const isFresh = atMs !== undefined && performance.now() - atMs < VERIFIED_FOR_MS;
    if (isFresh || (atMs !== undefined && WRITES.has(method))) return;
    const asked = this.#verifying.get(index) ?? this.#askForChain(index, this.#chainId);
    this.#verifying.set(index, asked);
    await asked.finally(() => this.#verifying.delete(index));
  }

  async #askForChain(index: number, chainId: number): Promise<void> {
    const answer = await this.callEndpoint(index, "eth_chainId", []);
    if (typeof answer !== "string" || Number(answer) !== chainId)
      throw unavailable(
        "wrong_chain",
        `the RPC endpoint ${this.#endpoints[index]?.host} serves chain ${String(answer)} and not chain ${chainId}: it is not used`,
      );
    this.#verifiedAtMs.set(index, performance.now());
  }
}
