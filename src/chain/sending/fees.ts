import type { OperationKind } from "../../domain/process.ts";
import { AppError } from "../../errors.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import { type Block, QuantityBigint } from "../types.ts";

/** EIP-1559 caps, in wei per gas. */
export interface Fees {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** The most that may ever be offered per gas, by kind of transaction. */
export type FeeCaps = Readonly<Record<OperationKind | "cancel", bigint>>;

/** The least a replacement must raise both caps by: nodes ask for 10 %, 12.5 % leaves room for their rounding. */
const BUMP_NUMERATOR = 9n;
const BUMP_DENOMINATOR = 8n;

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * What the market asks for now: twice the base fee leaves room for about six full blocks of growth.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function marketFees(rpc: JsonRpc, head: Block, leastTipWei = 0n): Promise<Fees> {
  const baseFeeWei = head.baseFeePerGas ?? 0n;
  const tip = larger(leastTipWei, await suggestedTip(rpc, baseFeeWei));
  return { maxFeePerGasWei: 2n * baseFeeWei + tip, maxPriorityFeePerGasWei: tip };
}

/** Some nodes suggest no tip, only a price with the base fee in it. */
async function suggestedTip(rpc: JsonRpc, baseFeeWei: bigint): Promise<bigint> {
  try {
    return await rpc.call(QuantityBigint, "eth_maxPriorityFeePerGas", []);
  } catch (error) {
    if (!(error instanceof AppError || error instanceof RpcError)) throw error;
    const priceWei = await rpc.call(QuantityBigint, "eth_gasPrice", []);
    return larger(0n, priceWei - baseFeeWei);
  }
}

/**
 * What the next block will ask for at least: a base fee rises by an eighth from block to block at most (EIP-1559). What offers
 * less is not included.
 */
export function neededFees(market: Fees, head: Block): Fees {
  const baseFeeWei = ceilDivide((head.baseFeePerGas ?? 0n) * 9n, 8n);
  return {
    maxFeePerGasWei: baseFeeWei + market.maxPriorityFeePerGasWei,
    maxPriorityFeePerGasWei: market.maxPriorityFeePerGasWei,
  };
}

/** The caps of a first transaction: what the market asks for, but never more than `capWei`. */
export function cappedFees(market: Fees, capWei: bigint): Fees {
  const maxFeePerGasWei = smaller(market.maxFeePerGasWei, capWei);
  return {
    maxFeePerGasWei,
    maxPriorityFeePerGasWei: smaller(market.maxPriorityFeePerGasWei, maxFeePerGasWei),
  };
}

/**
 * The caps of a replacement: each raised by 12.5 % (rounded up, and by a wei at least, as nodes want more than before) or to the
 * market, whichever is more, but never above `capWei`. Undefined when `capWei` leaves no room for the least raise that nodes
 * accept: then the transaction is held as it is.
 */
export function bumpedFees(previous: Fees, market: Fees, capWei: bigint): Fees | undefined {
  const bump = (value: bigint): bigint =>
    larger(value + 1n, ceilDivide(value * BUMP_NUMERATOR, BUMP_DENOMINATOR));
  const tip = bump(previous.maxPriorityFeePerGasWei);
  const least = larger(bump(previous.maxFeePerGasWei), tip);
  if (least > capWei) return undefined;
  const maxFeePerGasWei = smaller(larger(least, market.maxFeePerGasWei), capWei);
  return {
    maxFeePerGasWei,
    maxPriorityFeePerGasWei: smaller(larger(tip, market.maxPriorityFeePerGasWei), maxFeePerGasWei),
  };
}
