import { Wallet } from "ethers";
import { challengeText } from "../../src/lit/index.ts";
import type { AccessClaim } from "../../src/lit/index.ts";

export const guest = new Wallet(`0x${"11".repeat(32)}`);
export const stranger = new Wallet(`0x${"22".repeat(32)}`);

/** A good claim of the guest, with what a test changes about it. */
export function claimOf(changes: Partial<AccessClaim> = {}): AccessClaim {
  return {
    v: 1,
    domain: "localhost:5000",
    chainId: 31_337,
    contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    tokenId: "7",
    meetingId: "0198a7e2-6b1c-7000-8000-000000000001",
    user: guest.address,
    nonce: "f3Xk9Qm2Lw7Rt5Vb",
    expiresAtS: Math.floor(Date.now() / 1000) + 120,
    ...changes,
  };
}

export function signChallenge(claim: AccessClaim, wallet: Wallet = guest): Promise<string> {
  return wallet.signMessage(challengeText(claim));
}
