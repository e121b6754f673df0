// The canonical chain, read whole: its transactions with their receipts, and its logs decoded.
import { AUCTION_EVENTS, PASS_EVENTS } from "./abi.ts";
import { lower, type World } from "./sources.ts";

export interface CanonicalLog {
  readonly name: string;
  readonly auctionId: string;
  /** By name; addresses and hashes lower-case, numbers as decimal strings. */
  readonly args: Readonly<Record<string, string>>;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly timestampS: number;
  readonly transactionHash: string;
  readonly logIndex: number;
}

export interface CanonicalTransaction {
  readonly hash: string;
  readonly from: string;
  readonly to: string;
  readonly nonce: number;
  readonly input: string;
  readonly valueWei: bigint;
  readonly succeeded: boolean;
  readonly timestampS: number;
}

export interface CanonicalChain {
  readonly head: { readonly number: number; readonly hash: string };
  /** Of each block, by its height. */
  readonly timestampsS: readonly number[];
  readonly transactions: readonly CanonicalTransaction[];
  readonly logs: readonly CanonicalLog[];
}

interface RawLog {
  readonly address: string;
  readonly topics: string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly transactionHash: string;
  readonly logIndex: string;
}

interface RawBlock {
  readonly hash: string;
  readonly timestamp: string;
  readonly transactions: readonly {
    readonly hash: string;
    readonly from: string;
    readonly to: string | null;
    readonly nonce: string;
    readonly input: string;
    readonly value: string;
  }[];
}

/** Reads every block. Logs are taken from the receipts, not from eth_getLogs, which the product uses. */
export async function readChain(world: World): Promise<CanonicalChain> {
  const { ask } = world;
  const number = Number(await ask<string>("eth_blockNumber"));
  const transactions: CanonicalTransaction[] = [];
  const logs: CanonicalLog[] = [];
  const timestampsS: number[] = [];
  let hash = "";
  for (let height = 0; height <= number; height += 1) {
    const at = `0x${height.toString(16)}`;
    const block = await ask<RawBlock>("eth_getBlockByNumber", at, true);
    hash = block.hash;
    timestampsS.push(Number(block.timestamp));
    if (block.transactions.length === 0) continue;
    type RawReceipt = { transactionHash: string; status: string; logs: RawLog[] };
    const receipts = await ask<RawReceipt[]>("eth_getBlockReceipts", at);
    const timestampS = Number(block.timestamp);
    for (const transaction of block.transactions) {
      const receipt = receipts.find((one) => one.transactionHash === transaction.hash);
      transactions.push({
        hash: transaction.hash,
        from: lower(transaction.from),
        to: lower(transaction.to),
        nonce: Number(transaction.nonce),
        input: transaction.input,
        valueWei: BigInt(transaction.value),
        succeeded: Number(receipt?.status) === 1,
        timestampS,
      });
      for (const log of receipt?.logs ?? []) {
        const decoded = decode(world, log, timestampS);
        if (decoded !== undefined) logs.push(decoded);
      }
    }
  }
  return { head: { number, hash }, timestampsS, transactions, logs };
}

function decode(world: World, log: RawLog, timestampS: number): CanonicalLog | undefined {
  const address = lower(log.address);
  const known =
    address === world.auctionContract
      ? AUCTION_EVENTS
      : address === world.passContract
        ? PASS_EVENTS
        : undefined;
  const parsed = known?.parseLog(log);
  if (parsed === null || parsed === undefined) return undefined;
  const args: Record<string, string> = {};
  for (const [index, input] of parsed.fragment.inputs.entries())
    args[input.name] = lower(parsed.args[index]);
  return {
    name: parsed.name,
    auctionId: args["auctionId"] ?? args["tokenId"] ?? "",
    args,
    blockNumber: Number(log.blockNumber),
    blockHash: log.blockHash,
    timestampS,
    transactionHash: log.transactionHash,
    logIndex: Number(log.logIndex),
  };
}
