// Many clients in one room that keep to the protocol of the feed (docs/realtime.md): they remember the last seq and come back
// with it, to any node, however they lost the one before. Each keeps every seq it was sent, as it was sent.
import { setTimeout as delay } from "node:timers/promises";
import { type LeanSocket, leanSocket } from "./lean-socket.ts";

export interface Member {
  readonly userId: string;
  readonly token: string;
  readonly wallet: string;
}

interface Event {
  readonly seq: number;
  readonly data: { readonly sentAtMs?: number };
}

/** Wait between two tries to connect, at most, milliseconds. */
const RETRY_MS = 400;

/** Follows the events of a room over whatever connections it gets. */
export class Client {
  readonly member: Member;
  /** Where it began: it has a right to everything of its audience after that. */
  startSeq: number | undefined;
  /** Every seq in the order in which it came. */
  readonly seen: number[] = [];
  /** Milliseconds from the sending of an event to its arrival, of those that came live. */
  readonly delaysMs: number[] = [];
  connections = 0;
  readonly refusals: string[] = [];
  #lastSeq: number | undefined;
  #isLive = false;
  #socket: LeanSocket | undefined;
  #closed = false;
  readonly #options: CrowdOptions;

  constructor(member: Member, options: CrowdOptions) {
    this.member = member;
    this.#options = options;
    this.#connect();
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** How far it has been told. */
  get lastSeq(): number {
    return this.#lastSeq ?? -1;
  }

  /** Cuts the connection. It comes back by itself. */
  cut(): void {
    this.#socket?.kill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.kill();
    await this.#socket?.closed;
  }

  #connect(): void {
    const { ports, auctionId, random } = this.#options;
    this.connections += 1;
    this.#socket = leanSocket({
      port: ports[Math.floor(random() * ports.length)] ?? 0,
      auth: { token: this.member.token, lastSeq: this.#lastSeq, auctions: [auctionId] },
      onEvent: (json) => this.#take(json),
      onClose: () => {
        this.#isLive = false;
        if (this.#closed) return;
        void delay(random() * RETRY_MS).then(() => {
          if (!this.#closed) this.#connect();
        });
      },
    });
  }

  #take(json: string): void {
    const [type, event] = JSON.parse(json) as [string, Event];
    if (type === "ready") {
      this.#lastSeq = event.seq;
      this.startSeq ??= event.seq;
      this.#isLive = true;
    } else if (type === "connect_error" || type === "closing" || type === "resync-required") {
      this.refusals.push(json);
      this.cut();
    } else {
      this.seen.push(event.seq);
      this.#lastSeq = event.seq;
      const { sentAtMs } = event.data;
      if (this.#isLive && sentAtMs !== undefined) this.delaysMs.push(Date.now() - sentAtMs);
    }
  }
}

export interface CrowdOptions {
  /** Of the nodes, which any client may come to. */
  readonly ports: readonly number[];
  readonly auctionId: string;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

/** Connects a client for each member, so many at a time, and waits until all are live. */
export async function gather(members: readonly Member[], options: CrowdOptions): Promise<Client[]> {
  const clients: Client[] = [];
  const AT_ONCE = 100;
  for (let from = 0; from < members.length; from += AT_ONCE) {
    for (const member of members.slice(from, from + AT_ONCE))
      clients.push(new Client(member, options));
    while (!clients.every((one) => one.isLive)) {
      const refusal = clients.find((one) => one.refusals.length > 0)?.refusals[0];
      if (refusal !== undefined) throw new Error(`a client was refused: ${refusal}`);
      await delay(10);
    }
  }
  return clients;
}
