import { computeAddress, getAddress, isAddress } from "ethers";

/** An uncompressed public key (65 bytes), hex, with or without 0x. */
const PUBLIC_KEY = /^(0x)?04[0-9a-fA-F]{128}$/;

/**
 * The address of the key that signs access proofs: from its uncompressed public key (hex, with or
 * without 0x), or as it is (Chipotle names its keys by address). Undefined when it is neither, or the
 * public key is no point of the curve.
 */
export function pkpAddress(key: string): string | undefined {
  if (!PUBLIC_KEY.test(key)) return isAddress(key) ? getAddress(key) : undefined;
  try {
    return computeAddress(key.startsWith("0x") ? key : `0x${key}`);
  } catch {
    return undefined;
  }
}
