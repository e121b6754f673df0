/**
 * Meeting access: the Lit Action that decides who may enter a meeting. One text for both of Lit's
 * generations (ethers v5 in scope in both): the nodes of v7, and Chipotle, which calls `main`.
 *
 * It signs a claim if, and only if, the wallet named in the claim signed the claim's challenge and
 * owns the claim's token at this moment. The PKP must be permitted for the CID of exactly this text
 * (any change changes it) and for nothing else: whoever else may sign with the PKP lets anybody in.
 *
 * Every input is chosen by the caller, and so is nothing else that matters. A deployment can be
 * written into the text (PINNED: chain, contract and RPCs), and on Chipotle it must be, because
 * there the action brings its own RPC: one from the caller could lie about the owner. Without it
 * (v7) the node's own RPC is asked, and the contract is part of what is signed, so that a proof
 * about another contract is a proof about another contract. Whoever relies on a proof rebuilds the
 * payload from its own claim.
 *
 * Parameters (v7 makes each a global): accessClaim {v, domain, chainId, contract, tokenId, meetingId, user, nonce, expiresAtS},
 *             userSignature (of the challenge: EIP-191, or EIP-1271 for a contract wallet),
 *             publicKey (v7: of the PKP), pkpId (Chipotle: address of the PKP; without it the action's own key signs).
 * Result:     the signature over keccak256(payload): on v7 under the name "access", on Chipotle in the
 *             answer; or none, which means no. Anything else in the answer only explains; never decide
 *             on it, a single node could have written it.
 */
const PINNED = undefined;

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
/** What isValidSignature answers when the signature is valid (EIP-1271). */
const VALID_SIGNATURE = "0x1626ba7e";

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

/** Asks the first RPC that answers for the claim's chain. Throws when none does. */
async function askChain(claim, ask) {
  const urls =
    PINNED?.rpcUrls ?? [await Lit.Actions.getRpcUrl({ chain: CHAINS[claim.chainId] })];
  let trouble;
  for (const url of urls) {
    try {
      const provider = new ethers.providers.StaticJsonRpcProvider(url);
      if ((await provider.getNetwork()).chainId !== claim.chainId)
        throw new Error("the RPC serves another chain");
      return await ask(provider);
    } catch (error) {
      trouble = error;
    }
  }
  throw trouble;
}

/** What nodes say when the contract's code failed, whatever the node: a revert, or the EVM stopped it. */
const CONTRACT_FAILED = /revert|invalid opcode|invalid jump|out of gas|stack (under|over)flow/i;

/**
 * Whether the contract itself failed the call. ethers gives every eth_call that fails the code CALL_EXCEPTION, also when the node
 * was overloaded or away; `error` is then what the node said, and is absent when it answered with a result.
 */
function isRevert({ code, error }) {
  return (
    code === "CALL_EXCEPTION" &&
    (error === undefined || CONTRACT_FAILED.test(`${error.message} ${error.data}`))
  );
}

/**
 * What a contract's function answers; undefined when it reverts, or there is no such contract. Throws when the node cannot
 * tell: that is not a no.
 */
async function callContract(provider, address, abi, name, args) {
  try {
    return await new ethers.Contract(address, [abi], provider)[name](...args);
  } catch (error) {
    if (isRevert(error)) return undefined;
    throw error;
  }
}

/** Whether the claim's wallet signed the challenge: by its key, or as a contract that says so. */
async function isSigned(claim, challenge, signature, provider) {
  try {
    const signer = ethers.utils.verifyMessage(challenge, signature);
    if (signer.toLowerCase() === claim.user.toLowerCase()) return true;
  } catch {
    // No signature of a key; a contract wallet's may look like anything.
  }
  if (!isText(signature, /^0x([0-9a-fA-F]{2}){1,8192}$/)) return false;
  const answer = await callContract(
    provider,
    claim.user,
    "function isValidSignature(bytes32, bytes) view returns (bytes4)",
    "isValidSignature",
    [ethers.utils.hashMessage(challenge), signature],
  );
  return answer === VALID_SIGNATURE;
}

/** Why the claim is refused, or undefined when it is granted. */
async function refusalOf(claim, signature) {
  if (claim === undefined) return "malformed_claim";
  if (PINNED !== undefined && claim.chainId !== PINNED.chainId) return "other_chain";
  if (PINNED !== undefined && claim.contract.toLowerCase() !== PINNED.contract.toLowerCase())
    return "other_contract";
  if (PINNED === undefined && CHAINS[claim.chainId] === undefined) return "unknown_chain";
  const nowS = Date.now() / 1000;
  if (claim.expiresAtS <= nowS) return "expired";
  if (claim.expiresAtS > nowS + MAX_LIFETIME_S) return "lifetime_too_long";
  const { domain, chainId, contract, tokenId, meetingId, nonce, expiresAtS } = claim;
  const challenge = `meetauction:${domain}:${chainId}:${contract}:${tokenId}:${meetingId}:${nonce}:${expiresAtS}`;
  return askChain(claim, async (provider) => {
    if (!(await isSigned(claim, challenge, signature, provider))) return "wrong_signer";
    const owner = await callContract(
      provider,
      contract,
      "function ownerOf(uint256) view returns (address)",
      "ownerOf",
      [tokenId],
    );
    return owner?.toLowerCase() === claim.user.toLowerCase() ? undefined : "not_the_owner";
  });
}

function digestOf(claim) {
  return ethers.utils.keccak256(ethers.utils.toUtf8Bytes(JSON.stringify(claim)));
}

/** Chipotle's entry: it calls `main` with the parameters and answers what this returns. */
// oxlint-disable-next-line no-unused-vars -- called by the service
async function main({ accessClaim: input, userSignature: signature, pkpId }) {
  if (PINNED === undefined) return { granted: false, reason: "not_pinned" };
  const claim = readClaim(input);
  const reason = await refusalOf(claim, signature);
  if (reason !== undefined) return { granted: false, reason };
  const key =
    pkpId === undefined
      ? await Lit.Actions.getLitActionPrivateKey()
      : await Lit.Actions.getPrivateKey({ pkpId });
  const signingKey = new ethers.utils.SigningKey(key);
  const dataSigned = digestOf(claim);
  return {
    granted: true,
    signature: ethers.utils.joinSignature(signingKey.signDigest(dataSigned)),
    publicKey: signingKey.publicKey,
    dataSigned,
  };
}

/** v7: the nodes run the text and sign what it asks them to. */
async function runOnNodes() {
  const claim = readClaim(accessClaim);
  const reason = await refusalOf(claim, userSignature);
  if (reason === undefined) {
    await Lit.Actions.signEcdsa({
      toSign: ethers.utils.arrayify(digestOf(claim)),
      publicKey,
      sigName: "access",
    });
  }
  Lit.Actions.setResponse({
    response: JSON.stringify(reason === undefined ? { granted: true } : { granted: false, reason }),
  });
}

// oxlint-disable-next-line typescript/no-floating-promises -- the node waits for it and reports what it throws
if (typeof Lit.Actions.signEcdsa === "function") runOnNodes();
