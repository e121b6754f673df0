import { z } from "zod";
import { AppError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import type { Block, Log } from "../types.ts";
import { isEncodable, ReceiptContent, receiptsRoot } from "./receipts-root.ts";

/** What of a header its receipts are held against. */
export type RootedHeader = Pick<Block, "hash" | "number" | "receiptsRoot">;

const Receipts = z.array(ReceiptContent);

/**
 * How often a block is tried before this proof is done without. A provider that lies for a moment is waited for; one that
 * never gives the receipts, or a chain that makes its root in a way of its own, must not stop the index for ever.
 */
const MAX_ROUNDS = 20;

/** How often a block's receipts are asked for where no endpoint gives any: rounds are at most two seconds apart. */
const FAILED_ROUNDS = 3;
/** How long receipts that no endpoint gives are not asked for again. */
const AWAY_MS = 60_000;

/** "There is no such method", in the words of nodes and providers. */
const NO_SUCH_METHOD =
  /\b(?:method|eth_getBlockReceipts)\b.*\b(?:not|disabled|unsupported)\b|(?:unsupported|unknown|invalid) method/i;

/**
 * `proven`: all logs of the block. `mismatch`: not what the header has. `none`: no proof to be had here. `behind`: the node does not
 * have the block. `failed`: this time.
 */
type Answer =
  | { readonly kind: "proven"; readonly logs: readonly Log[]; readonly receipts: number }
  | { readonly kind: "mismatch" | "none" | "behind" | "failed"; readonly why: string };

/** All logs of a block in order, when these receipts are the block's; the header decides. */
function held(receipts: readonly ReceiptContent[], block: RootedHeader): Answer {
  const inOrder = [...receipts].sort((a, b) => a.transactionIndex - b.transactionIndex);
  // Polygon appends the receipt of its state sync, which the header does not have: what it says is not proven.
  const own = [inOrder, inOrder.slice(0, -1)].find(
    (some) => receiptsRoot(some) === block.receiptsRoot,
  );
  if (own === undefined)
    return { kind: "mismatch", why: `${receipts.length} receipts, not those of the header` };
  const logs = own.flatMap((one) => one.logs);
  // The root covers what a log says and their order, but not where the log says it stands.
  const placed = logs.every(
    (log, at) => log.logIndex === at && log.blockHash === block.hash && log["removed"] !== true,
  );
  return placed
    ? { kind: "proven", logs, receipts: own.length }
    : { kind: "failed", why: "the logs say that they stand elsewhere" };
}

/** Reads what eth_getBlockReceipts answered. */
function judged(answer: unknown, block: RootedHeader): Answer {
  if (answer === null) return { kind: "behind", why: "no such block yet" };
  if (!Array.isArray(answer)) return { kind: "failed", why: "no receipts" };
  const { data: receipts } = Receipts.safeParse(answer);
  return receipts !== undefined && isEncodable(receipts)
    ? held(receipts, block)
    : { kind: "none", why: "receipts of kinds that Ethereum does not have" };
}

/**
 * The definite proof that no log of a block is missing: the root of the tree of its receipts, which hold the logs, is in the
 * header. It needs receipts as Ethereum encodes them, and an endpoint that gives those of a whole block.
 */
export class ReceiptsProof {
  readonly #rpc: JsonRpc;
  readonly #logger: Logger;
  /** The root of some block has come out as its header has it, so a different one means that something is missing. */
  #reproduced = false;
  /** The root of this chain never came out, and we have stopped to wait for it. */
  #givenUp = false;
  /** Until then nobody is asked: no endpoint gave receipts. */
  #awayUntilMs = 0;
  /** Asked first: the endpoint that gave the last proof. */
  #first = 0;
  /** How often each block was tried in vain, by hash. */
  readonly #rounds = new Map<string, number>();

  constructor(rpc: JsonRpc, logger: Logger) {
    this.#rpc = rpc;
    this.#logger = logger;
  }

  /**
   * All logs of the block, proven to be all; undefined when this proof is not to be had for it and another must do.
   * @throws AppError `logs_incomplete` (retry) when no endpoint gives what the header has, and waiting may help
   */
  async logsOf(block: RootedHeader): Promise<readonly Log[] | undefined> {
    if (performance.now() < this.#awayUntilMs) return undefined;
    const failures: string[] = [];
    const kinds = new Set<Answer["kind"]>();
    const { length } = this.#rpc.endpoints;
    for (let turn = 0, first = this.#first; turn < length; turn += 1) {
      const index = (first + turn) % length;
      const answer = await this.#ask(index, block);
      if (answer.kind === "proven") {
        this.#first = index;
        // That nothing gives the root of nothing says nothing of how the chain encodes its receipts.
        this.#reproduced ||= answer.receipts > 0;
        this.#rounds.delete(block.hash);
        if (this.#awayUntilMs > 0)
          this.#logger.info("the endpoints give receipts again", { blockNumber: block.number });
        this.#awayUntilMs = 0;
        return answer.logs;
      }
      kinds.add(answer.kind);
      failures.push(`endpoint ${index}: ${answer.why}`);
    }
    const mayCome = kinds.has("mismatch") || kinds.has("behind");
    if (!mayCome && !kinds.has("failed")) return undefined;
    if (!mayCome && this.#areAway(block, failures)) return undefined;
    if (!this.#mayDoWithout(block, kinds.has("mismatch"), failures)) {
      const message = `no RPC endpoint gives the receipts of block ${block.number} that its header has`;
      this.#logger.warn(message, { blockHash: block.hash, failures });
      throw new AppError({
        kind: "retry",
        code: "logs_incomplete",
        message: `${message}: ${failures.join("; ")}`,
      });
    }
    return undefined;
  }

  /** Whether to stop asking for receipts for AWAY_MS, because no endpoint gives any: the index must not wait at every block. */
  #areAway(block: RootedHeader, failures: readonly string[]): boolean {
    const before = this.#awayUntilMs;
    if (before === 0 && (this.#rounds.get(block.hash) ?? 0) + 1 < FAILED_ROUNDS) return false;
    this.#awayUntilMs = performance.now() + AWAY_MS;
    if (before === 0)
      this.#logger.warn(
        "no endpoint gives the receipts of blocks: logs are proven by the bloom filter only, until one does",
        { blockNumber: block.number, failures },
      );
    return true;
  }

  /** Whether the block has been waited for long enough. A wrong root is never accepted where a right one is known to be had. */
  #mayDoWithout(block: RootedHeader, mismatch: boolean, failures: readonly string[]): boolean {
    if (this.#reproduced && mismatch) return false;
    if (this.#givenUp && !this.#reproduced) return true;
    const rounds = (this.#rounds.get(block.hash) ?? 0) + 1;
    // Blocks that left the chain while they were waited for stay behind here.
    if (this.#rounds.size >= 1_000) this.#rounds.clear();
    this.#rounds.set(block.hash, rounds);
    if (rounds < MAX_ROUNDS) return false;
    this.#givenUp = true;
    if (rounds === MAX_ROUNDS)
      this.#logger.warn(
        this.#reproduced
          ? "the receipts of a block are not to be had: its logs are proven by its bloom filter only"
          : "this chain's receipts root cannot be reproduced: logs are proven by the bloom filter only",
        { blockNumber: block.number, blockHash: block.hash, failures },
      );
    return true;
  }

  async #ask(index: number, block: RootedHeader): Promise<Answer> {
    try {
      return judged(
        await this.#rpc.callEndpoint(index, "eth_getBlockReceipts", [block.hash]),
        block,
      );
    } catch (error) {
      const why = messageOf(error).slice(0, 200);
      const unsupported =
        error instanceof RpcError && (error.code === -32_601 || NO_SUCH_METHOD.test(error.message));
      return { kind: unsupported ? "none" : "failed", why };
    }
  }
}
