import type { OperationKind } from "../../domain/process.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, QuantityBigint } from "../types.ts";

/** EIP-1559 caps, in wei per gas. */
export interface Fees {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** The most that may ever be offered per gas, by kind of transaction. */
export type FeeCaps = Readonly<Record<OperationKind | "cancel", bigint>>;

/** Fees, and whether the market asks for more than may be paid. */
export interface CappedFees extends Fees {
  readonly held: boolean;
}

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
export async function marketFees(rpc: JsonRpc, head: Block): Promise<Fees> {
  const tip = await rpc.call(QuantityBigint, "eth_maxPriorityFeePerGas", []);
  return { maxFeePerGasWei: 2n * (head.baseFeePerGas ?? 0n) + tip, maxPriorityFeePerGasWei: tip };
}

/** The caps of a first transaction: what the market asks for, but never more than `capWei`. */
export function cappedFees(market: Fees, capWei: bigint): CappedFees {
  const maxFeePerGasWei = smaller(market.maxFeePerGasWei, capWei);
  return {
    maxFeePerGasWei,
    maxPriorityFeePerGasWei: smaller(market.maxPriorityFeePerGasWei, maxFeePerGasWei),
    held: market.maxFeePerGasWei > capWei,
  };
}

/**
 * The caps of a replacement: each raised by 12.5 % (rounded up) or to the market, whichever is more, but never above `capWei`.
 * Undefined when `capWei` leaves no room for the least raise that nodes accept: then the transaction is held as it is.
 */
export function bumpedFees(previous: Fees, market: Fees, capWei: bigint): CappedFees | undefined {
  const bump = (value: bigint): bigint => ceilDivide(value * BUMP_NUMERATOR, BUMP_DENOMINATOR);
  const tip = bump(previous.maxPriorityFeePerGasWei);
  const least = larger(bump(previous.maxFeePerGasWei), tip);
  if (least > capWei) return undefined;
  const maxFeePerGasWei = smaller(larger(least, market.maxFeePerGasWei), capWei);
  return {
    maxFeePerGasWei,
    maxPriorityFeePerGasWei: smaller(larger(tip, market.maxPriorityFeePerGasWei), maxFeePerGasWei),
    held: market.maxFeePerGasWei > capWei,
  };
}
