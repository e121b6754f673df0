import { z } from "zod";
import { AppError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, type Log, LogSchema } from "../types.ts";
import { Bloom } from "./bloom.ts";
import { ReceiptsProof } from "./receipts-proof.ts";

/** Some nodes answer null where there are none; what a block holds is proven by its header. */
export const Logs = z
  .array(LogSchema)
  .nullable()
  .transform((logs) => logs ?? []);

const Receipts = z.array(z.object({ logs: Logs }));

/** What a block needs to be checked against. */
export type Header = Pick<Block, "hash" | "number" | "logsBloom" | "receiptsRoot">;

const place = (log: Log): string => `${log.transactionHash}:${log.logIndex}`;

/** Whether these can be all the logs of the block in order: of this block, canonical, and numbered without a gap. */
function inOrder(logs: readonly Log[], block: Header): boolean {
  return [...logs]
    .sort((a, b) => a.logIndex - b.logIndex)
    .every(
      (log, index) =>
        log.logIndex === index && log.blockHash === block.hash && log["removed"] !== true,
    );
}

/**
 * Logs of our contracts that are known to be all of them. Nodes do leave logs out: an index that is behind, a cache, a
 * load balancer (reth #17678, lotus #12078, hyperindex #1498), and an answer that leaves some out looks like any other.
 * Only the header can tell, in two ways:
 *
 * - Its receipts root, of which receipts-proof.ts knows. This is certain, and used wherever it is to be had.
 * - Its bloom filter, made from every log of the block: all logs together must give that filter again. It cannot show that
 *   the last log of a block is missing whose address and topics all occur in other logs of the block. Therefore two answers
 *   must agree, one filtered by our addresses and one not. A node that leaves the log out of both is believed.
 */
export class LogReader {
  readonly #rpc: JsonRpc;
  /** Lower-case. */
  readonly #addresses: readonly string[];
  readonly #logger: Logger;
  readonly #receipts: ReceiptsProof;
  #warned = false;

  constructor(rpc: JsonRpc, addresses: readonly string[], logger: Logger) {
    this.#rpc = rpc;
    this.#addresses = addresses;
    this.#logger = logger;
    this.#receipts = new ReceiptsProof(rpc, logger);
  }

  /**
   * The logs of one block, asked for by its hash, so that the answer cannot belong to another fork.
   * @throws AppError `rpc_unavailable`, `logs_incomplete` (retry)
   */
  async ofBlock(block: Header): Promise<readonly Log[]> {
    const possible = this.#mayHoldOurs(block);
    const proven = possible ? await this.#provenByReceipts(block) : undefined;
    if (proven !== undefined) return proven;
    const answer = await this.#rpc.call(Logs, "eth_getLogs", [
      { blockHash: block.hash, address: this.#addresses },
    ]);
    return possible ? this.#provenByBloom(block, answer) : this.completed(block, answer);
  }

  /**
   * The logs of a block, when `answer` is what a node gave for our addresses: none where the header rules them out, else
   * those that the header confirms.
   * @throws AppError `logs_incomplete` (retry) when nobody has them
   */
  async completed(block: Header, answer: readonly Log[]): Promise<readonly Log[]> {
    if (answer.length === 0 && !this.#mayHoldOurs(block)) return answer;
    return (await this.#provenByReceipts(block)) ?? this.#provenByBloom(block, answer);
  }

  /** "No" is certain, on a chain whose headers have a filter. */
  #mayHoldOurs(block: Header): boolean {
    const bloom = Bloom.ofHeader(block.logsBloom);
    return bloom === undefined || this.#addresses.some((address) => bloom.mayHold(address));
  }

  async #provenByReceipts(block: Header): Promise<readonly Log[] | undefined> {
    const logs = await this.#receipts.logsOf(block);
    return logs?.filter((log) => this.#isOurs(log));
  }

  async #provenByBloom(block: Header, answer: readonly Log[]): Promise<readonly Log[]> {
    const bloom = Bloom.ofHeader(block.logsBloom);
    const sound = answer.every(
      (log) => log.blockHash === block.hash && this.#isOurs(log) && log["removed"] !== true,
    );
    if (bloom === undefined || (bloom.isEmpty && answer.length > 0 && sound)) {
      this.#warnOfBloom(block);
      if (sound) return answer;
    }
    return this.#inAgreement(block, bloom, sound ? answer : []);
  }

  #isOurs(log: Log): boolean {
    return this.#addresses.includes(log.address);
  }

  /**
   * Whether these are all logs of the block. Chains that add logs of their own to a block's answer without putting them
   * into the header (Polygon's state sync) are no exception: what the header has must be there, and ours must be in it.
   */
  #proves(logs: readonly Log[], block: Header, bloom: Bloom): boolean {
    return (
      inOrder(logs, block) &&
      Bloom.ofLogs(logs).covers(bloom) &&
      bloom.covers(Bloom.ofLogs(logs.filter((log) => this.#isOurs(log))))
    );
  }

  /** Asks every endpoint in two ways for all logs of the block until an answer proves itself and has what `known` has. */
  async #inAgreement(
    block: Header,
    bloom: Bloom | undefined,
    known: readonly Log[],
  ): Promise<readonly Log[]> {
    const asks = [
      {
        method: "eth_getLogs",
        parameters: [{ blockHash: block.hash }],
        read: (answer: unknown): Log[] => Logs.parse(answer),
      },
      {
        method: "eth_getBlockReceipts",
        parameters: [block.hash],
        read: (answer: unknown): Log[] => Receipts.parse(answer).flatMap((one) => one.logs),
      },
    ];
    const failures: string[] = [];
    for (const index of this.#rpc.endpoints.keys()) {
      for (const { method, parameters, read } of asks) {
        try {
          const logs = read(await this.#rpc.callEndpoint(index, method, parameters));
          const places = new Set(logs.map(place));
          const proves =
            bloom === undefined ? inOrder(logs, block) : this.#proves(logs, block, bloom);
          if (proves && known.every((log) => places.has(place(log))))
            return logs.filter((log) => this.#isOurs(log));
          failures.push(`${method} of endpoint ${index}: ${logs.length} logs, not all of them`);
        } catch (error) {
          failures.push(`${method} of endpoint ${index}: ${messageOf(error).slice(0, 200)}`);
        }
      }
    }
    this.#logger.warn("no endpoint gives all logs of a block", {
      blockNumber: block.number,
      blockHash: block.hash,
      failures,
    });
    throw new AppError({
      kind: "retry",
      code: "logs_incomplete",
      message: `no RPC endpoint gives all logs of block ${block.number}: ${failures.join("; ")}`,
    });
  }

  #warnOfBloom(block: Header): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#logger.warn(
      "this chain's headers have no usable bloom filter: logs that an endpoint leaves out are noticed by the receipts root only, where it is to be had",
      { blockNumber: block.number },
    );
  }
}
