import { io, type Socket } from "socket.io-client";
import { tokenFrom, type TokenSource } from "./api.ts";
import type { KnownEvent, OtherEvent } from "./generated/api.ts";
import type { ClosingReasons } from "./generated/codes.ts";
import type { Advice } from "./problem.ts";

/** The realtime events by their type. */
export type EventsByType = { [E in KnownEvent as E["type"]]: E };

interface OfConnection<Type extends string, Data> extends Omit<OtherEvent, "type" | "data"> {
  readonly type: Type;
  readonly data: Data;
}

/** Why the server closes a connection. */
export interface Closing {
  readonly code: keyof ClosingReasons | (string & {});
  readonly detail: string;
}

/** Why the feed has ended; `open()` begins again where it was. */
export interface FeedEnd extends Closing {
  readonly advice: Advice;
}

/** What a feed tells, and what it hands to whoever listens. */
export interface FeedEvents extends EventsByType {
  /** Every realtime event, those of types added since this client was made too. */
  readonly event: KnownEvent | OtherEvent;
  /** Up to here nothing is missing; comes after each connection. */
  readonly ready: OfConnection<"ready", { readonly auctions: readonly string[] }>;
  /** It was away for too long: read the state anew from the API. */
  readonly "resync-required": OfConnection<"resync-required", { readonly lastSeq: number }>;
  /** The connection ends; the feed comes back by itself unless `end` follows. */
  readonly closing: Closing;
  /** There is no connection, for a page to show; the feed tries again by itself, and `ready` follows when it is back. */
  readonly away: Closing;
  readonly end: FeedEnd;
}

/** What the server says to following and unfollowing. */
export type FollowAnswer =
  | { readonly ok: true; readonly auctionId: string; readonly seq: number }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** The server would not let somebody follow an auction. */
export class FollowError extends Error {
  override readonly name = "FollowError";
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

export interface FeedOptions {
  readonly url: string;
  /** A function is asked at each connection, and again when the token has expired. */
  readonly token: TokenSource;
  /** Where an earlier feed was: what was missed since comes first. */
  readonly lastSeq?: number;
  /** Auctions to follow from the start. */
  readonly auctions?: readonly string[];
}

/** Refusals of a handshake that pass by themselves. */
const PASSING = ["unavailable", "quota_exceeded"];
const LONGEST_WAIT_MS = 30_000;
/** A browser does not say which of the two. */
const UNREACHABLE =
  "the service does not answer, or takes no sockets from pages of this origin (FRONTEND_URL)";

const ADVICE: Readonly<Record<string, Advice>> = {
  token_missing: "log-in",
  token_invalid: "log-in",
  token_expired: "log-in",
  session_ended: "log-in",
};

/**
 * The realtime events of a user, each once and in order, over any number of connections. After an interruption it goes on where it
 * was; when it cannot, it tells `end` and what to do.
 */
export class Feed {
  readonly #socket: Socket;
  readonly #auctions: Set<string>;
  readonly #token: TokenSource;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  #lastSeq: number | undefined;
  #closing: Closing | undefined;
  #refusals = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor({ url, token, lastSeq, auctions = [] }: FeedOptions) {
    this.#token = token;
    this.#lastSeq = lastSeq;
    this.#auctions = new Set(auctions);
    this.#socket = io(url, {
      // Several API nodes may share the address: long polling would need its requests to reach the same one.
      transports: ["websocket"],
      forceNew: true,
      // What is asked while the connection is away is asked when it is back.
      ackTimeout: 10_000,
      retries: 3,
      auth: (give) => void this.#authenticate(give),
    });
    this.#socket.onAny((type: string, event: FeedEvents["event"]) => this.#receive(type, event));
    this.#socket.on("connect", () => (this.#refusals = 0));
    this.#socket.on("disconnect", (reason) => {
      if (reason === "io server disconnect") this.#sentAway();
      else if (reason !== "io client disconnect")
        this.#tell("away", { code: "interrupted", detail: `the connection is lost (${reason})` });
    });
    this.#socket.on("connect_error", (error: Error & { data?: Closing }) => {
      // Without `active` it is the server that refused; else socket.io tries again by itself.
      if (!this.#socket.active)
        this.#refused(error.data ?? { code: "refused", detail: error.message });
      else this.#tell("away", { code: "unreachable", detail: UNREACHABLE });
    });
  }

  /** Of the newest event: kept by whoever wants to go on from here later. */
  get lastSeq(): number | undefined {
    return this.#lastSeq;
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** Calls `listener` with each event of a type. Returns what ends that. */
  on<T extends keyof FeedEvents>(type: T, listener: (event: FeedEvents[T]) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * The next event of a type that fits, from the call on: ask before whatever brings it about. Rejects with the `FeedEnd` in `cause` when the feed ends
   * before.
   */
  next<T extends keyof FeedEvents>(
    type: T,
    fits: (event: FeedEvents[T]) => boolean = () => true,
  ): Promise<FeedEvents[T]> {
    return new Promise((resolve, reject) => {
      const stops = [
        this.on(type, (event) => {
          if (!fits(event)) return;
          for (const stop of stops) stop();
          resolve(event);
        }),
        this.on("end", (end) => {
          for (const stop of stops) stop();
          reject(new Error(end.detail, { cause: end }));
        }),
      ];
    });
  }

  /** Has the events of an auction come too, from now on and after each interruption. @throws FollowError */
  async follow(auctionId: string): Promise<void> {
    const isNew = !this.#auctions.has(auctionId);
    this.#auctions.add(auctionId);
    const answer = (await this.#socket.emitWithAck("join-auction", auctionId)) as FollowAnswer;
    if (answer.ok) return;
    // One that is followed already stays so: the chain may have taken the auction back for a moment.
    if (isNew) this.#auctions.delete(auctionId);
    throw new FollowError(answer.code, answer.detail);
  }

  /** Has them come no more. */
  async unfollow(auctionId: string): Promise<void> {
    this.#auctions.delete(auctionId);
    await this.#socket.emitWithAck("leave-auction", auctionId);
  }

  /** Begins again after an `end` or `close()`, where it was. */
  open(): void {
    this.#socket.connect();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#socket.disconnect();
  }

  async #authenticate(give: (auth: object) => void): Promise<void> {
    try {
      const token = await tokenFrom(this.#token);
      give({ token, lastSeq: this.#lastSeq, auctions: [...this.#auctions] });
    } catch (error) {
      this.#socket.disconnect();
      this.#end({ code: "token_missing", detail: `there is no token: ${String(error)}` }, "log-in");
    }
  }

  #receive(type: string, event: FeedEvents["event"]): void {
    if (type === "closing") {
      this.#closing = event as unknown as Closing;
      this.#tell("closing", this.#closing);
      return;
    }
    if (type === "ready") this.#lastSeq = Math.max(this.#lastSeq ?? 0, event.seq);
    // It may be a lower one: the events it had seen are not those of this service.
    else if (type === "resync-required") this.#lastSeq = event.seq;
    else if (this.#lastSeq !== undefined && event.seq <= this.#lastSeq) return;
    else {
      this.#lastSeq = event.seq;
      this.#tell("event", event);
    }
    this.#tell(type as keyof EventsByType, event as never);
  }

  #tell<T extends keyof FeedEvents>(type: T, event: FeedEvents[T]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  /** The server has closed the connection, and socket.io stays away. */
  #sentAway(): void {
    const closing = this.#closing ?? { code: "closed", detail: "the server closed the connection" };
    this.#closing = undefined;
    if (closing.code === "token_expired" && typeof this.#token === "function") this.open();
    else this.#end(closing, ADVICE[closing.code] ?? "change");
  }

  #refused(refusal: Closing): void {
    if (!PASSING.includes(refusal.code)) {
      this.#end(refusal, ADVICE[refusal.code] ?? "change");
      return;
    }
    this.#tell("away", refusal);
    this.#refusals += 1;
    const waitMs = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#refusals) * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.open(), waitMs);
  }

  #end(closing: Closing, advice: Advice): void {
    this.#tell("end", { ...closing, advice });
  }
}
