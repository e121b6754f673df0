import { keccak256Of } from "../keccak.ts";

/** What of a log goes into its block's bloom filter. */
export interface Logged {
  readonly address: string;
  readonly topics: readonly string[];
}

const BLOOM_BYTES = 256;

/** Most addresses and topics come again and again, and hashing them is what a bloom filter costs. */
const CACHE_LIMIT = 10_000;
const cache = new Map<string, readonly number[]>();

/** The three bits of one item (Ethereum yellow paper, section 4.3: 11-bit numbers from the first six bytes of its hash). */
function bitsOf(item: string): readonly number[] {
  const known = cache.get(item);
  if (known !== undefined) return known;
  const hash = Buffer.from(keccak256Of(Buffer.from(item.slice(2), "hex")).slice(2, 14), "hex");
  const bits = [0, 2, 4].map((at) => hash.readUInt16BE(at) & 2047);
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(item, bits);
  return bits;
}

/** A block's bloom filter: which addresses and topics may be in its logs. */
export class Bloom {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The filter of a header; undefined when the header has none (some chains leave it empty). */
  static ofHeader(logsBloom: string): Bloom | undefined {
    const bytes = Buffer.from(logsBloom.slice(2), "hex");
    return bytes.length === BLOOM_BYTES ? new Bloom(bytes) : undefined;
  }

  /** The filter that exactly these logs give. */
  static ofLogs(logs: Iterable<Logged>): Bloom {
    const bytes = Buffer.alloc(BLOOM_BYTES);
    for (const log of logs)
      for (const item of [log.address, ...log.topics])
        for (const bit of bitsOf(item)) {
          const at = BLOOM_BYTES - 1 - (bit >> 3);
          bytes[at] = (bytes[at] ?? 0) | (1 << (bit & 7));
        }
    return new Bloom(bytes);
  }

  get isEmpty(): boolean {
    return this.#bytes.every((byte) => byte === 0);
  }

  /** Whether the item (an address or a topic) may be in the logs. "No" is certain; "yes" may be chance. */
  mayHold(item: string): boolean {
    return bitsOf(item).every(
      (bit) => ((this.#bytes[BLOOM_BYTES - 1 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0,
    );
  }

  /** Whether every bit of the other filter is set in this one too. */
  covers(other: Bloom): boolean {
    return other.#bytes.every((byte, at) => (byte & ~(this.#bytes[at] ?? 0)) === 0);
  }
}
