import { getAddress } from "ethers";

/** The same people come again and again, and a checksum is a hash: most of what showing an address costs. */
const known = new Map<string, string>();
const KNOWN_LIMIT = 10_000;

/** An address with its checksum (EIP-55). @throws Error for what is no address */
export function checksummed(address: string): string {
  const kept = known.get(address);
  if (kept !== undefined) return kept;
  if (known.size >= KNOWN_LIMIT) known.clear();
  const fresh = getAddress(address);
  known.set(address, fresh);
  return fresh;
}
