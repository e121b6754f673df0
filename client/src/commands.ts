import { type Answer, type Api, type DataOf, ok } from "./api.ts";
import type { AuctionCreated, CreationStatus, Settlement } from "./generated/api.ts";
import { ProblemError, retryAfterMs } from "./problem.ts";

export interface Patience {
  readonly signal?: AbortSignal;
  /** Called after each try without an answer, before the next; by default the first one is a warning on the console. */
  readonly onNoAnswer?: (error: TypeError, tries: number) => void;
}

/** A browser does not tell a page why: a server that is away and an origin that is refused look the same. */
function warn(error: TypeError, tries: number): void {
  if (tries > 1) return;
  // oxlint-disable-next-line no-console -- where developers of a page look
  console.warn(
    `The Meeting Auction API gave no answer that can be read (${error.message}); trying again for a minute. The server is starting, away, or refuses this page's origin (CORS): then its log names the origin, which belongs into FRONTEND_URL.`,
  );
}

/** Longer than a server keeps a command for a node that has died in the middle of it (30 s). */
const PATIENCE_MS = 60_000;
const LONGEST_WAIT_MS = 10_000;

/** Waits. @throws the signal's reason, at once */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Asks again while no answer comes, or one that asks to wait. @throws ProblemError; what `fetch` throws; the signal's reason */
async function patiently<A extends Answer>(
  send: () => Promise<A>,
  { signal, onNoAnswer = warn }: Patience,
): Promise<A & { readonly data: DataOf<A> }> {
  const giveUpAtMs = Date.now() + PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await send();
      return { ...answer, data: await ok(answer) };
    } catch (error) {
      const isProblem = error instanceof ProblemError;
      // fetch throws a TypeError for whatever happens to a connection.
      const mayRepeat = isProblem ? error.advice === "wait" : error instanceof TypeError;
      if (!mayRepeat || Date.now() >= giveUpAtMs) throw error;
      if (!isProblem) onNoAnswer(error as TypeError, tries);
      const backOffMs = Math.min(LONGEST_WAIT_MS, 250 * 2 ** tries);
      await wait((isProblem ? error.retryAfterMs : undefined) ?? backOffMs, signal);
    }
  }
}

/** The header that names a command, in the place where requests take it. */
export interface CommandHeader {
  readonly "Idempotency-Key": string;
}

/**
 * Does a command once, however often it has to be sent: while the answer is lost, or the server asks to wait, the same is sent again
 * under the same Idempotency-Key. `once((header) => api.POST("/api/meetings/{id}/close", { params: { path: { id }, header } }))`
 * @throws ProblemError; what `fetch` throws when no answer ever came; the signal's reason
 */
export async function once<A extends Answer>(
  send: (header: CommandHeader) => Promise<A>,
  patience: Patience = {},
): Promise<A & { readonly data: DataOf<A> }> {
  const header = { "Idempotency-Key": crypto.randomUUID() };
  return patiently(() => send(header), patience);
}

/**
 * Follows the `Location` of an answer until `isDone`: what was accepted with 202 goes on behind it, whatever happens to the
 * connection meanwhile.
 * @param State what the Location answers
 * @throws ProblemError; the signal's reason
 */
export async function follow<State>(
  api: Api,
  accepted: Pick<Answer, "response">,
  isDone: (state: State) => boolean,
  patience: Patience = {},
): Promise<State> {
  const location = accepted.response.headers.get("location");
  if (location === null) throw new Error("the answer has no Location to follow");
  // Any path of the service, which the types cannot know.
  const get = api.GET as unknown as (path: string) => Promise<Answer & { data?: State }>;
  let { response } = accepted;
  for (;;) {
    await wait(retryAfterMs(response) ?? 1_000, patience.signal);
    const answer = await patiently(() => get(location), patience);
    const state = answer.data as State;
    if (isDone(state)) return state;
    response = answer.response;
  }
}

/**
 * Tells the API of an auction that was created on chain, and waits until it is recorded.
 * @returns the auction's id
 * @throws ProblemError; Error when the transaction was reverted or created no auction; the signal's reason
 */
export async function announceAuction(
  api: Api,
  auction: AuctionCreated,
  patience: Patience = {},
): Promise<string> {
  const answer = await once(
    (header) => api.POST("/api/auctions/created", { body: auction, params: { header } }),
    patience,
  );
  if (answer.response.status === 201 && answer.data.auctionId !== null)
    return answer.data.auctionId;
  const state = await follow<CreationStatus>(
    api,
    answer,
    ({ status }) => status === "recorded" || status === "reverted" || status === "other",
    patience,
  );
  if (state.status !== "recorded" || state.auctionId === null)
    throw new Error(`the transaction will never be an auction: ${state.lastError ?? state.status}`);
  return auction.auctionId ?? state.auctionId;
}

/** Closes a meeting and waits until its money is settled for good, or never will be. @throws ProblemError; the signal's reason */
export async function closeMeeting(
  api: Api,
  id: string,
  patience: Patience = {},
): Promise<Settlement> {
  const answer = await once(
    (header) => api.POST("/api/meetings/{id}/close", { params: { path: { id }, header } }),
    patience,
  );
  return follow<Settlement>(
    api,
    answer,
    ({ status }) => status === "settled" || status === "refused" || status === "withdrawn",
    patience,
  );
}
