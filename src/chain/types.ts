import { z } from "zod";
import type { JsonRpc } from "./rpc.ts";

/** The shapes of JSON-RPC answers this product relies on. Quantities become numbers (blocks, seconds) or bigints (wei). */
const quantity = z.string().regex(/^0x[0-9a-f]+$/i);
export const QuantityNumber = quantity.transform((text) => Number(BigInt(text)));
export const QuantityBigint = quantity.transform((text) => BigInt(text));
export const Hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text) => text.toLowerCase());
export const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase());
/** Bytes. No repeated group: over megabytes one exhausts the stack of the regular expression. */
export const HexData = z
  .string()
  .regex(/^0x[0-9a-fA-F]*$/)
  .refine((hex) => hex.length % 2 === 0, "an odd number of digits");

export const BlockSchema = z
  .object({
    number: QuantityNumber,
    hash: Hash,
    parentHash: Hash,
    timestamp: QuantityNumber,
    logsBloom: HexData,
    receiptsRoot: Hash,
    baseFeePerGas: QuantityBigint.optional(),
    gasLimit: QuantityBigint,
  })
  .transform(({ timestamp, ...block }) => ({ ...block, timestampS: timestamp }));
export type Block = z.infer<typeof BlockSchema>;

export const LogSchema = z
  .object({
    address: Address,
    topics: z.array(Hash),
    data: HexData,
    blockNumber: QuantityNumber,
    blockHash: Hash,
    transactionHash: Hash,
    logIndex: QuantityNumber,
  })
  .loose();
export type Log = z.infer<typeof LogSchema>;

export const ReceiptSchema = z.object({
  transactionHash: Hash,
  blockNumber: QuantityNumber,
  blockHash: Hash,
  status: QuantityNumber,
  gasUsed: QuantityBigint,
  from: Address,
  to: Address.nullable(),
  logs: z.array(LogSchema),
});
export type Receipt = z.infer<typeof ReceiptSchema>;

/** The highest block that any endpoint has. @throws AppError `rpc_unavailable` (retry) */
export async function latestBlock(rpc: JsonRpc): Promise<Block> {
  return rpc.furthest(BlockSchema, "eth_getBlockByNumber", ["latest", false], (one) => one.number);
}

/** The block of that height on the node's chain, or null when it has none. */
export async function blockByNumber(rpc: JsonRpc, number: number): Promise<Block | null> {
  return rpc.call(BlockSchema.nullable(), "eth_getBlockByNumber", [
    `0x${number.toString(16)}`,
    false,
  ]);
}

export async function chainIdOf(rpc: JsonRpc): Promise<number> {
  return rpc.call(QuantityNumber, "eth_chainId", []);
}

/**
 * The receipts that the endpoints know for a hash; they differ when one of them still shows a block that left the chain. None
 * is no proof that the transaction was not included: all endpoints may lag.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function receiptsOf(rpc: JsonRpc, hash: string): Promise<Receipt[]> {
  const answers = await rpc.callAll(ReceiptSchema.nullable(), "eth_getTransactionReceipt", [hash]);
  const receipts = answers.filter((one) => one !== null);
  return [...new Map(receipts.map((one) => [one.blockHash, one])).values()];
}

/** The first receipt any endpoint knows, or null. @throws AppError `rpc_unavailable` (retry) */
export async function receiptOf(rpc: JsonRpc, hash: string): Promise<Receipt | null> {
  return (await receiptsOf(rpc, hash))[0] ?? null;
}

/**
 * How many transactions of the account each endpoint counts, at a block or in its `pending` view.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function transactionCounts(
  rpc: JsonRpc,
  account: string,
  at: "latest" | "pending" | number,
): Promise<number[]> {
  return rpc.callAll(QuantityNumber, "eth_getTransactionCount", [
    account,
    typeof at === "number" ? `0x${at.toString(16)}` : at,
  ]);
}
