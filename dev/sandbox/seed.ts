import { checkPrimeSync, createHmac, createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** 32 bytes that depend on the seed and the purpose only. */
export function derive(seed: string, purpose: string): Buffer {
  return createHmac("sha256", seed).update(purpose).digest();
}

/** A UUID (version 8: custom) that depends on the seed and the purpose only. */
export function deriveUuid(seed: string, purpose: string): string {
  const hex = derive(seed, purpose).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A private key for secp256k1, 0x and 64 hex digits. */
export function derivePrivateKey(seed: string, purpose: string): string {
  // The odds that this is not below the order of the curve are 1 in 2^128.
  return `0x${derive(seed, purpose).toString("hex")}`;
}

/**
 * A 2048-bit RSA key that depends on the seed only, so that tokens signed before a restart stay
 * valid after it. For the sandbox: real keys come from a random generator, not from a seed.
 */
export function deriveRsaKey(seed: string): KeyObject {
  const e = 65_537n;
  const p = prime(seed, "p", e);
  const q = prime(seed, "q", e);
  const d = inverse(e, (p - 1n) * (q - 1n));
  const jwk = {
    kty: "RSA",
    n: encode(p * q),
    e: encode(e),
    d: encode(d),
    p: encode(p),
    q: encode(q),
    dp: encode(d % (p - 1n)),
    dq: encode(d % (q - 1n)),
    qi: encode(inverse(q, p)),
  };
  return createPrivateKey({ key: jwk, format: "jwk" });
}

function prime(seed: string, name: string, e: bigint): bigint {
  const parts = [0, 1, 2, 3].map((part) => derive(seed, `rsa ${name} ${part}`).toString("hex"));
  // The two highest bits make the product exactly 2048 bits long; the lowest makes it odd.
  let candidate = BigInt(`0x${parts.join("")}`) | (3n << 1022n) | 1n;
  while ((candidate - 1n) % e === 0n || !checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

/** Extended Euclid: x with a·x ≡ 1 (mod m). */
function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, x0, x1] = [m, a % m, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [x0, x1] = [x1, x0 - quotient * x1];
  }
  return ((x0 % m) + m) % m;
}

function encode(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("base64url");
}
