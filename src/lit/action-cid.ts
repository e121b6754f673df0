import { createHash } from "node:crypto";
import { encodeBase58 } from "ethers";

/** IPFS splits longer files into several blocks, whose CID is computed differently. */
const MAX_BYTES = 256 * 1024;

/**
 * The IPFS CID (v0) of a Lit Action's source: what the PKP is permitted for. One UnixFS file in one
 * dag-pb block, as `ipfs add` makes it by default; SHA-256 as multihash; base 58.
 * @throws RangeError for a source longer than one block (256 KiB)
 */
export function computeActionCid(source: string): string {
  const data = Buffer.from(source, "utf8");
  if (data.length > MAX_BYTES)
    throw new RangeError(`an action may be ${MAX_BYTES} bytes long, this one has ${data.length}`);
  // UnixFS: type 1 = file (2), data (field 2), file size (field 3).
  const content = data.length === 0 ? [] : [Buffer.from([0x12]), varint(data.length), data];
  const file = Buffer.concat([
    Buffer.from([0x08, 0x02]),
    ...content,
    Buffer.from([0x18]),
    varint(data.length),
  ]);
  // dag-pb node without links: data (field 1).
  const block = Buffer.concat([Buffer.from([0x0a]), varint(file.length), file]);
  const multihash = Buffer.concat([
    Buffer.from([0x12, 0x20]),
    createHash("sha256").update(block).digest(),
  ]);
  return encodeBase58(multihash);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
