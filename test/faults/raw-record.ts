import { keccak256 } from "ethers";
import { isFailure, type RpcAnswer, type RpcCall } from "./rpc-types.ts";

/** A raw transaction as it first passed the proxy. */
export interface SentRaw {
  readonly hash: string;
  readonly raw: string;
  /** 0 for the first that ever passed. */
  readonly order: number;
  /** `performance.now()` of this process when it arrived, before anything else was done with it. */
  readonly firstAtMs: number;
  readonly firstEndpoint: number;
  /** How often it has passed so far, over all endpoints. */
  passes: number;
  /** Whether the node has taken it, now or before. */
  taken: boolean;
}

/** Every raw transaction that passed, and a look at the world before each is let through for the first time. */
export class RawRecord {
  readonly #sent = new Map<string, SentRaw>();
  readonly #looked = new Map<string, Promise<void>>();
  readonly #beforeFirst: (sent: SentRaw) => Promise<void>;

  constructor(beforeFirst: (sent: SentRaw) => Promise<void> = async () => undefined) {
    this.#beforeFirst = beforeFirst;
  }

  /** In the order in which they first passed. */
  get all(): readonly SentRaw[] {
    return [...this.#sent.values()];
  }

  get(hash: string): SentRaw | undefined {
    return this.#sent.get(hash);
  }

  /** What the node itself answered when it was given a raw transaction. */
  noteAnswer(call: RpcCall, answer: RpcAnswer): void {
    const sent = this.#sent.get(keccak256(String(call.params[0])));
    const taken = !isFailure(answer) || /already|known/i.test(answer.error.message);
    if (sent !== undefined && taken) sent.taken = true;
  }

  /** Settles when the transaction may be forwarded: not before the look at the world is over, whoever sent it first. */
  async note(raw: string, endpoint: number): Promise<void> {
    const firstAtMs = performance.now();
    const hash = keccak256(raw);
    const known = this.#sent.get(hash);
    if (known !== undefined) known.passes += 1;
    else {
      const order = this.#sent.size;
      const sent: SentRaw = {
        hash,
        raw,
        order,
        firstAtMs,
        firstEndpoint: endpoint,
        passes: 1,
        taken: false,
      };
      this.#sent.set(hash, sent);
      this.#looked.set(hash, this.#beforeFirst(sent));
    }
    await this.#looked.get(hash);
  }
}
