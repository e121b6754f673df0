import type { AuthSig } from "./auth-sig.ts";

/** What a pass owner claims when asking to enter: everything the signed proof is bound to. */
export interface AccessClaim {
  readonly v: 1;
  /** Host (and port) of this service, so that a proof for one deployment is worthless at another. */
  readonly domain: string;
  readonly chainId: number;
  /** Address of the MeetingPass contract, checksummed. */
  readonly contract: string;
  /** Decimal token id. */
  readonly tokenId: string;
  readonly meetingId: string;
  /** Address of the wallet that signs the challenge, checksummed. */
  readonly user: string;
  /** One-time, unguessable. */
  readonly nonce: string;
  /** Unix time in seconds. */
  readonly expiresAtS: number;
}

/** The PKP's signature over the claim, as executeJs returns it. */
export interface LitProof {
  /** 0x and 65 bytes: r, s, v. */
  readonly signature: string;
  /** Uncompressed public key of the PKP, hex, with or without 0x. */
  readonly publicKey: string;
  /** keccak256 of the canonical payload, hex, with or without 0x. */
  readonly dataSigned: string;
}

export type LitNetwork = "datil-dev" | "datil-test" | "datil" | "custom" | "chipotle";

export interface AccessGateOptions {
  readonly network: LitNetwork;
  /** IPFS CID (v0) of the gating action; the PKP signs for this action only. */
  readonly actionCid: string;
  /** Uncompressed public key of the PKP (chipotle: the key's address also goes). */
  readonly pkpPublicKey: string;
  /** chipotle: usage API key. */
  readonly apiKey?: string;
  /** chipotle: base URL instead of the production host. */
  readonly apiUrl?: string;
  /** chipotle: the text of the action, sent inline; its CID must be `actionCid`. */
  readonly actionSource?: string;
  /** chipotle: the key that signs is a PKP of our account (default), or the action's own, which follows from its CID. */
  readonly signer?: "pkp" | "action";
  /** RPC of the chain that holds Lit's staking contract (custom: required). */
  readonly rpcUrl?: string;
  /** custom: address of the staking contract. */
  readonly stakingAddress?: string;
  /** Where to read a recent block hash instead of Lit's own indexer. */
  readonly blockhashUrl?: string;
  /** Private key of the wallet that opens sessions with the nodes; a fresh one if unset. */
  readonly serverPrivateKey?: string;
  /** datil-test, datil: who pays for the requests (capacity credits), as the SDK makes it. */
  readonly capacityDelegationAuthSig?: AuthSig;
  /** Limit of one call as a whole, milliseconds. */
  readonly timeoutMs: number;
}

/** Has Lit run the gating action: on the nodes of v7, or by Chipotle's REST service. */
export interface AccessGate {
  readonly ready: boolean;
  /** @throws AppError retry `lit_unavailable`; refuse 500 `lit_configuration` */
  connect(): Promise<void>;
  /**
   * Has the action check ownership and sign the claim; the proof is verified before it is returned.
   * @throws AppError refuse 403 `lit_denied`; retry 503 `lit_unavailable` (away, slow, or it will not
   *   serve us), retry 502 `lit_bad_answer` (a signature that does not hold); refuse 422 `lit_claim_malformed`
   */
  prove(input: { readonly claim: AccessClaim; readonly userSignature: string }): Promise<LitProof>;
  close(): Promise<void>;
}
