import type { JsonRpc } from "../rpc.ts";
import { type Block, QuantityBigint } from "../types.ts";

/** EIP-1559 caps, in wei per gas. */
export interface Fees {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** The least a replacement must raise both caps by: nodes ask for 10 %, 12.5 % leaves room for their rounding. */
const BUMP_NUMERATOR = 9n;
const BUMP_DENOMINATOR = 8n;

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What the market asks for now: twice the base fee leaves room for about six full blocks of growth. */
export async function marketFees(rpc: JsonRpc, head: Block): Promise<Fees> {
  const tip = await rpc.call(QuantityBigint, "eth_maxPriorityFeePerGas", []);
  return { maxFeePerGasWei: 2n * (head.baseFeePerGas ?? 0n) + tip, maxPriorityFeePerGasWei: tip };
}

/** The caps of a replacement: each raised by 12.5 % (rounded up) or to the market, whichever is more. */
export function bumpedFees(previous: Fees, market: Fees): Fees {
  const bump = (value: bigint): bigint => ceilDivide(value * BUMP_NUMERATOR, BUMP_DENOMINATOR);
  return {
    maxFeePerGasWei: larger(bump(previous.maxFeePerGasWei), market.maxFeePerGasWei),
    maxPriorityFeePerGasWei: larger(
      bump(previous.maxPriorityFeePerGasWei),
      market.maxPriorityFeePerGasWei,
    ),
  };
}
