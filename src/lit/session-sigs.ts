import { generateKeyPairSync } from "node:crypto";
import type { LitNodeClient } from "@lit-protocol/lit-node-client";
import type { Wallet } from "ethers";
import { z } from "zod";
import type { AuthSig } from "./auth-sig.ts";

export type SessionSigs = Awaited<ReturnType<LitNodeClient["getSessionSigs"]>>;

export interface Session {
  readonly sigs: SessionSigs;
  /** Unix time in milliseconds after which a new session is opened. */
  readonly renewAtMs: number;
}

const SESSION_MS = 15 * 60 * 1000;
/** Well before the end, so that a session never ends on its way to the nodes. */
const RENEW_AFTER_MS = 12 * 60 * 1000;

/**
 * Opens a session with the nodes: a fresh session key, delegated by the server's wallet, signs for
 * each node. The wallet needs no funds and gives no power over the PKP, which obeys its action only.
 * `capacityDelegationAuthSig`: who pays, on networks that want capacity credits (datil-test, datil).
 */
export async function openSession(
  client: LitNodeClient,
  wallet: Wallet,
  domain: string,
  capacityDelegationAuthSig?: AuthSig,
): Promise<Session> {
  // Loaded with the client (node-client.ts), not with the process.
  const { createSiweMessageWithRecaps, generateAuthSig, LitActionResource, LitPKPResource } =
    await import("@lit-protocol/auth-helpers");
  const { LIT_ABILITY } = await import("@lit-protocol/constants");
  const abilities = [
    { resource: new LitActionResource("*"), ability: LIT_ABILITY.LitActionExecution },
    { resource: new LitPKPResource("*"), ability: LIT_ABILITY.PKPSigning },
  ];
  const startedAtMs = Date.now();
  const sigs = await client.getSessionSigs({
    chain: "ethereum",
    expiration: new Date(startedAtMs + SESSION_MS).toISOString(),
    // Our own key: the SDK would look for one in a storage shared by the whole process.
    sessionKey: createSessionKey(),
    resourceAbilityRequests: abilities,
    ...(capacityDelegationAuthSig === undefined ? {} : { capacityDelegationAuthSig }),
    authNeededCallback: async ({ expiration, uri, nonce }) => {
      if (expiration === undefined || uri === undefined || nonce === undefined)
        throw new Error("the SDK asked for a signature without its terms");
      const toSign = await createSiweMessageWithRecaps({
        uri,
        expiration,
        nonce,
        domain,
        resources: abilities,
        walletAddress: wallet.address,
        litNodeClient: client,
      });
      return generateAuthSig({ signer: wallet, toSign });
    },
  });
  return { sigs, renewAtMs: startedAtMs + RENEW_AFTER_MS };
}

/** An ed25519 key as the SDK wants it: hex; the secret half is seed and public key together (NaCl). */
function createSessionKey(): { publicKey: string; secretKey: string } {
  const jwk = z
    .object({ x: z.string(), d: z.string() })
    .parse(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }));
  const publicKey = Buffer.from(jwk.x, "base64url").toString("hex");
  return { publicKey, secretKey: Buffer.from(jwk.d, "base64url").toString("hex") + publicKey };
}
