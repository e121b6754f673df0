import { z } from "zod";
import { keccak256Of } from "../keccak.ts";
import { HexData, LogSchema, QuantityBigint, QuantityNumber } from "../types.ts";

/** What a receipt is hashed from, as eth_getBlockReceipts gives it. */
export const ReceiptContent = z.object({
  type: QuantityNumber.default(0),
  status: QuantityNumber,
  cumulativeGasUsed: QuantityBigint,
  logsBloom: HexData,
  transactionIndex: QuantityNumber,
  logs: z.array(LogSchema),
});
export type ReceiptContent = z.infer<typeof ReceiptContent>;

/** Receipts of Ethereum's own kinds of transactions: legacy, access list, dynamic fee, blob, set code. */
const KNOWN_TYPES = [0, 1, 2, 3, 4];

/** Whether the receipts are encoded as on Ethereum. Rollups add kinds of their own, with other contents. */
export function isEncodable(receipts: readonly ReceiptContent[]): boolean {
  return receipts.every((one) => KNOWN_TYPES.includes(one.type));
}

/**
 * The root of the tree of a block's receipts, to be held against the header's `receiptsRoot`: a receipt that is missing, or
 * has one log less, gives another root (yellow paper, section 4.3 and appendix D; typed receipts: EIP-2718).
 * @param receipts in the order of their transactions
 */
export function receiptsRoot(receipts: readonly ReceiptContent[]): string {
  const entries = receipts.map((receipt, index): Entry => ({
    path: [...rlpOfInteger(index)].flatMap((byte) => [byte >> 4, byte & 15]),
    value: rlpOf(encoded(receipt)),
  }));
  return keccak256Of(entries.length === 0 ? EMPTY : nodeOf(entries, 0));
}

function encoded(receipt: ReceiptContent): Buffer {
  const body = rlpOfList([
    rlpOfInteger(receipt.status === 0 ? 0 : 1),
    rlpOfInteger(receipt.cumulativeGasUsed),
    rlpOfHex(receipt.logsBloom),
    rlpOfList(
      receipt.logs.map((log) =>
        rlpOfList([rlpOfHex(log.address), rlpOfList(log.topics.map(rlpOfHex)), rlpOfHex(log.data)]),
      ),
    ),
  ]);
  return receipt.type === 0 ? body : Buffer.concat([Buffer.of(receipt.type), body]);
}

// RLP (yellow paper, appendix B) on bytes: ethers' works on hexadecimal text, which for whole blocks is several times slower.

/** The empty string. */
const EMPTY = Buffer.of(0x80);

/** Length prefix of a string (offset 0x80) or a list (offset 0xc0). */
function prefixOf(length: number, offset: number): Buffer {
  if (length < 56) return Buffer.of(offset + length);
  const digits = bytesOf(length);
  return Buffer.concat([Buffer.of(offset + 55 + digits.length), digits]);
}

function rlpOf(bytes: Buffer): Buffer {
  if (bytes.length === 1 && (bytes[0] ?? 0) < 0x80) return bytes;
  return Buffer.concat([prefixOf(bytes.length, 0x80), bytes]);
}

function rlpOfList(items: readonly Buffer[]): Buffer {
  const length = items.reduce((sum, item) => sum + item.length, 0);
  return Buffer.concat([prefixOf(length, 0xc0), ...items]);
}

const rlpOfHex = (hex: string): Buffer => rlpOf(Buffer.from(hex.slice(2), "hex"));
const rlpOfInteger = (value: number | bigint): Buffer => rlpOf(bytesOf(value));

/** Without leading zeros; zero is no byte at all. */
function bytesOf(value: number | bigint): Buffer {
  const hex = value.toString(16);
  if (hex === "0") return Buffer.alloc(0);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

/** A key of the tree, as its sixteenths of a byte, and what is stored under it, in RLP. */
interface Entry {
  readonly path: readonly number[];
  readonly value: Buffer;
}

/** "Hex-prefix" encoding of the rest of a path (yellow paper, appendix C), in RLP. */
function compact(nibbles: readonly number[], isLeaf: boolean): Buffer {
  const odd = nibbles.length % 2 === 1;
  const flag = (isLeaf ? 2 : 0) + (odd ? 1 : 0);
  const digits = [flag, ...(odd ? [] : [0]), ...nibbles].map((one) => one.toString(16));
  return rlpOf(Buffer.from(digits.join(""), "hex"));
}

/** RLP of the node that holds the entries, all of which share the first `depth` nibbles of their paths. */
function nodeOf(entries: readonly Entry[], depth: number): Buffer {
  const [first] = entries;
  if (first === undefined) return EMPTY;
  if (entries.length === 1) return rlpOfList([compact(first.path.slice(depth), true), first.value]);
  let shared = depth;
  while (entries.every((one) => one.path[shared] === first.path[shared])) shared += 1;
  if (shared > depth)
    return rlpOfList([compact(first.path.slice(depth, shared), false), reference(entries, shared)]);
  const below = Map.groupBy(entries, (one) => one.path[depth]);
  const children = Array.from({ length: 16 }, (_, nibble) => {
    const inside = below.get(nibble);
    return inside === undefined ? EMPTY : reference(inside, depth + 1);
  });
  // RLP keys are no prefixes of one another, so no entry ends at a branch.
  return rlpOfList([...children, EMPTY]);
}

/** A node within its parent: by its hash, or as it is when it is shorter than one. */
function reference(entries: readonly Entry[], depth: number): Buffer {
  const node = nodeOf(entries, depth);
  return node.length < 32 ? node : rlpOfHex(keccak256Of(node));
}
