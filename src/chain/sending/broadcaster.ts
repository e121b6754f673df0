import { crashPoint } from "../../crash.ts";
import type { Queryable } from "../../db/database.ts";
import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { classifySendError, isSurelyNotTaken, type SendErrorClass, textOf } from "./classify.ts";
import type { TipFloor } from "./tip-floor.ts";
import { markBroadcast, noteSendError, type SignedTransaction } from "./transactions.ts";

/** How long a send waits for an answer. The bytes are stored: what was not answered is sent again. */
const SEND_TIMEOUT_MS = 2_000;

/**
 * What became of handing a transaction to the nodes: `taken` at least one has it; `maybe` one may have it; `nonce_too_high`
 * all of them say that they miss an earlier one; otherwise the reason why every one of them refused it for sure.
 */
export type SendResult = "taken" | "maybe" | SendErrorClass;

/** Hands stored transactions to every endpoint at once. Whatever comes back, the nonce stays taken. */
export class Broadcaster {
  readonly #rpc: JsonRpc;
  readonly #db: Queryable;
  readonly #logger: Logger;
  readonly #observer: SenderObserver;
  readonly #tipFloor: TipFloor;

  constructor(options: {
    readonly rpc: JsonRpc;
    readonly db: Queryable;
    readonly logger: Logger;
    readonly observer: SenderObserver;
    readonly tipFloor: TipFloor;
  }) {
    this.#rpc = options.rpc;
    this.#db = options.db;
    this.#logger = options.logger;
    this.#observer = options.observer;
    this.#tipFloor = options.tipFloor;
  }

  /**
   * Sends the bytes of a transaction that is stored. Resolves as soon as one endpoint has it; the slower ones get it all the
   * same.
   */
  async send(transaction: SignedTransaction): Promise<SendResult> {
    const tooCheap: string[] = [];
    const attempts = this.#rpc.endpoints.map((_, index) =>
      this.#sendTo(index, transaction, tooCheap),
    );
    const meanings = await firstTaken(attempts);
    const { hash, kind } = transaction;
    if (meanings === undefined) {
      crashPoint("sender.broadcast");
      await markBroadcast(this.#db, hash, null);
      crashPoint("sender.noted");
      if (kind !== "cancel")
        this.#observer.operations("broadcast", kind, transaction.operationKeys.length);
      return "taken";
    }
    // One node that wants more than the others take does not make the price.
    if (meanings.every((one) => one === "underpriced"))
      for (const answer of tooCheap) this.#tipFloor.heard(answer);
    // The least certain answer counts: one node that may have it is enough to treat it as sent.
    const doubt = meanings.find((one) => !isSurelyNotTaken(one));
    if (doubt !== undefined) {
      await markBroadcast(this.#db, hash, doubt);
      return meanings.every((one) => one === "nonce_too_high") ? "nonce_too_high" : "maybe";
    }
    const refusal = meanings[0] ?? "unknown";
    await noteSendError(this.#db, hash, refusal);
    return refusal;
  }

  /** What one endpoint made of it; undefined when it has the transaction. */
  async #sendTo(
    index: number,
    transaction: SignedTransaction,
    tooCheap: string[],
  ): Promise<SendErrorClass | undefined> {
    try {
      const answer = await this.#rpc.callEndpoint(
        index,
        "eth_sendRawTransaction",
        [transaction.rawTransaction],
        SEND_TIMEOUT_MS,
      );
      if (typeof answer === "string" && answer.toLowerCase() === transaction.hash) return undefined;
      // It is not known what the node has taken: the nonce stays taken, and the bytes are sent again.
      this.#observer.sendError("unknown");
      this.#logger.error("a node answered with the hash of another transaction", {
        transactionHash: transaction.hash,
        nonce: transaction.nonce,
        endpoint: index,
        answer: String(answer).slice(0, 100),
      });
      return "unknown";
    } catch (error) {
      const said = classifySendError(error);
      // Whatever a node of another chain says of a transaction is no refusal.
      const isRefusal = !isSurelyNotTaken(said) || (await this.#rpc.isOurs(index));
      const meaning = isRefusal ? said : "unknown";
      if (meaning === "underpriced") tooCheap.push(textOf(error) ?? "");
      if (meaning === "already_known") return undefined;
      this.#observer.sendError(meaning);
      this.#logger.warn("a transaction was not plainly accepted", {
        transactionHash: transaction.hash,
        nonce: transaction.nonce,
        meaning,
        answer: messageOf(error).slice(0, 200),
      });
      return meaning;
    }
  }
}

/** Undefined as soon as one attempt resolves to undefined; else what all of them resolved to. */
async function firstTaken(
  attempts: readonly Promise<SendErrorClass | undefined>[],
): Promise<SendErrorClass[] | undefined> {
  const taken = Promise.any(
    attempts.map(async (attempt) => {
      if ((await attempt) !== undefined) throw new Error("not this one");
    }),
  );
  try {
    await taken;
    return undefined;
  } catch {
    return (await Promise.all(attempts)).filter((one) => one !== undefined);
  }
}
