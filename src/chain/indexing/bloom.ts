import { getBytes, keccak256 } from "ethers";

/**
 * Whether a block's bloom filter says that an address may have logged in it. "No" is certain; "yes" may be chance
 * (Ethereum yellow paper, section 4.3: three 11-bit numbers from the first six bytes of the hash).
 */
export function mayHaveLogs(logsBloom: string, address: string): boolean {
  const bloom = getBytes(logsBloom);
  const hash = getBytes(keccak256(address));
  return [0, 2, 4].every((at) => {
    const bit = (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2047;
    return ((bloom[bloom.length - 1 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}
