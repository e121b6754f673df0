/**
 * Meeting access: the Lit Action (Lit v7, ethers v5 in scope) that decides who may enter a meeting.
 *
 * It signs a claim with the PKP if, and only if, the wallet named in the claim signed the claim's
 * challenge and owns the claim's token at this moment. The PKP must be permitted for the CID of
 * exactly this file (access-action.cid; any change changes it) and for nothing else: whoever else
 * may sign with the PKP can let anybody in.
 *
 * Every input is chosen by the caller, and so is nothing else that matters: the chain is looked up
 * by number in the table below, its RPC is the node's own (a caller's RPC could lie about the
 * owner), and the contract is part of what is signed, so that a proof about another contract is a
 * proof about another contract. Whoever relies on a proof rebuilds the payload from its own claim.
 *
 * jsParams (v7 makes each a global): accessClaim {v, domain, chainId, contract, tokenId, meetingId, user, nonce, expiresAtS},
 *           userSignature (EIP-191, of the challenge), publicKey (of the PKP).
 * Result:   signature "access" over keccak256(payload); or no signature, which means no.
 *           The response only explains; never decide on it, a single node could have written it.
 *
 * Smart-contract wallets (EIP-1271) have no key to recover and are refused here.
 */
const CHAINS = {
  1: "ethereum",
  10: "optimism",
  137: "polygon",
  8453: "base",
  42161: "arbitrum",
  80002: "amoy",
  84532: "baseSepolia",
  421614: "arbitrumSepolia",
  11155111: "sepolia",
  // Known to the local sandbox only: Lit's nodes have no RPC of this name, and so refuse it.
  31337: "localchain",
};
/** A claim lives two minutes; the rest is for clocks that differ. */
const MAX_LIFETIME_S = 600;

const isText = (value, pattern) => typeof value === "string" && pattern.test(value);

/** The claim with its fields in the order that everybody serialises them, or undefined. */
function readClaim(input) {
  const { v, domain, chainId, contract, tokenId, meetingId, user, nonce, expiresAtS } = input;
  const wellFormed =
    v === 1 &&
    isText(domain, /^[A-Za-z0-9.:-]{1,255}$/) &&
    Number.isSafeInteger(chainId) &&
    isText(contract, /^0x[0-9a-fA-F]{40}$/) &&
    isText(tokenId, /^(0|[1-9][0-9]{0,77})$/) &&
    isText(meetingId, /^[A-Za-z0-9-]{1,64}$/) &&
    isText(user, /^0x[0-9a-fA-F]{40}$/) &&
    isText(nonce, /^[A-Za-z0-9_-]{16,128}$/) &&
    Number.isSafeInteger(expiresAtS);
  return wellFormed
    ? { v, domain, chainId, contract, tokenId, meetingId, user, nonce, expiresAtS }
    : undefined;
}

/** Who signed the challenge, lower-case; undefined when the signature is none. */
function signerOf(challenge, signature) {
  try {
    return ethers.utils.verifyMessage(challenge, signature).toLowerCase();
  } catch {
    return undefined;
  }
}

/** Owner of the token, lower-case; undefined when there is no such token. Throws when the chain cannot be asked. */
async function ownerOf(claim) {
  const provider = new ethers.providers.StaticJsonRpcProvider(
    await Lit.Actions.getRpcUrl({ chain: CHAINS[claim.chainId] }),
  );
  if ((await provider.getNetwork()).chainId !== claim.chainId)
    throw new Error("the RPC serves another chain");
  const pass = new ethers.Contract(
    claim.contract,
    ["function ownerOf(uint256) view returns (address)"],
    provider,
  );
  try {
    return (await pass.ownerOf(claim.tokenId)).toLowerCase();
  } catch (error) {
    // The contract reverts, or is none: nobody owns the token. Anything else is trouble on the way.
    if (error.code === "CALL_EXCEPTION") return undefined;
    throw error;
  }
}

/** Why the claim is refused, or undefined when it is granted. */
async function refusalOf(claim) {
  if (claim === undefined) return "malformed_claim";
  if (CHAINS[claim.chainId] === undefined) return "unknown_chain";
  const nowS = Date.now() / 1000;
  if (claim.expiresAtS <= nowS) return "expired";
  if (claim.expiresAtS > nowS + MAX_LIFETIME_S) return "lifetime_too_long";
  const { domain, chainId, contract, tokenId, meetingId, nonce, expiresAtS } = claim;
  const challenge = `meetauction:${domain}:${chainId}:${contract}:${tokenId}:${meetingId}:${nonce}:${expiresAtS}`;
  const signer = signerOf(challenge, userSignature);
  if (signer === undefined || signer !== claim.user.toLowerCase()) return "wrong_signer";
  if ((await ownerOf(claim)) !== signer) return "not_the_owner";
  return undefined;
}

// oxlint-disable-next-line typescript/no-floating-promises -- the node waits for it and reports what it throws
(async () => {
  const claim = readClaim(accessClaim);
  const refusal = await refusalOf(claim);
  if (refusal !== undefined) {
    Lit.Actions.setResponse({ response: JSON.stringify({ granted: false, reason: refusal }) });
    return;
  }
  const digest = ethers.utils.keccak256(ethers.utils.toUtf8Bytes(JSON.stringify(claim)));
  await Lit.Actions.signEcdsa({
    toSign: ethers.utils.arrayify(digest),
    publicKey,
    sigName: "access",
  });
  Lit.Actions.setResponse({ response: JSON.stringify({ granted: true }) });
})();
