import { RpcError } from "../rpc.ts";

/**
 * What a failed eth_sendRawTransaction means. A class describes what the node said; whether the transaction may be in
 * somebody's pool all the same is for `isSurelyNotTaken` to say.
 *
 * | class                   | the node says                                                     | what helps                        |
 * | ----------------------- | ----------------------------------------------------------------- | --------------------------------- |
 * | already_known           | it has exactly these bytes                                        | nothing is needed                 |
 * | nonce_too_low           | the nonce is consumed, perhaps by these very bytes                | ask for every hash of the nonce   |
 * | nonce_too_high          | an earlier nonce is missing here; it may hold the bytes back      | send the earlier one, then again  |
 * | replacement_underpriced | another transaction of this nonce is in its pool                  | a bump of both caps               |
 * | underpriced             | the fee is below its minimum or below the block's base fee        | a bump, or waiting                |
 * | insufficient_funds      | the wallet cannot pay for this and what it has in the pool        | funds                             |
 * | pool_full               | no room in the pool, or none for this account                     | later, or another endpoint        |
 * | rejected                | no node with these rules will ever take these bytes               | other bytes for the same nonce    |
 * | unknown                 | something else, or nothing at all                                 | the same bytes again              |
 */
export type SendErrorClass =
  | "already_known"
  | "nonce_too_low"
  | "nonce_too_high"
  | "replacement_underpriced"
  | "underpriced"
  | "insufficient_funds"
  | "pool_full"
  | "rejected"
  | "unknown";

interface TextRule {
  readonly pattern: RegExp;
  readonly means: SendErrorClass;
}

/**
 * The clients' texts; the first rule that matches counts, so what is more specific comes first. Every alternative has a
 * fixture in test/chain/classify.fixtures.ts. Sources: geth core/txpool/errors.go, core/txpool/validation.go,
 * core/txpool/legacypool/legacypool.go, core/error.go, internal/ethapi/api.go (op-geth, bor, celo and coreth derive from
 * it); nethermind TxPool/AcceptTxResult.cs, TxPool/TxPoolErrorMessages.cs, Core/Messages/TxErrorMessages.cs; besu
 * RpcErrorType.java; erigon txpoolcfg.go; reth crates/transaction-pool/src/error.rs and crates/rpc/rpc-eth-types/src/error;
 * nitro execution/gethexec/tx_pre_checker.go; foundry crates/anvil/src/eth/error.rs; for chains without a source at hand
 * the table of chainlink core/chains/evm/client/errors.go.
 */
const RULES: readonly TextRule[] = [
  // Sequencers that execute on arrival, and development nodes that mine on arrival, answer with the revert. The words of
  // the contract may be any of those below, and the transaction may be in a block.
  { means: "unknown", pattern: /\breverted?\b|VM (exception|execution error)/i },
  // What we sign names our chain: it is the node that is of another one.
  {
    means: "unknown",
    pattern:
      /wrong chainid|invalid chain ?id|InvalidTxChainId|ChainId not supported|signed for another chain/i,
  },
  // Only set-code transactions, which are never sent here, have authorities.
  { means: "rejected", pattern: /authority nonce too low|authority already reserved/i },
  {
    means: "replacement_underpriced",
    pattern:
      /replacement transaction underpriced|replacement fee too low|gas price to replace existing|could not replace existing tx|replaced by transaction with higher tip|another transaction with same nonce|same nonce in the tx pool|ReplacementNotAllowed/i,
  },
  {
    means: "already_known",
    // Not "Unknown transaction type".
    pattern:
      /already known|\bknown transaction|already imported|AlreadyImported|AlreadyKnown|OwnNonceAlreadyUsed|existing txn? with same hash|was added to the mempool but/i,
  },
  {
    means: "nonce_too_low",
    pattern:
      /nonce (is )?too low|OldNonce|nonce has already been used|invalid transaction nonce|Pool\(Stale\)|transaction already finalized|^(INTERNAL_ERROR: )?mined$/im,
  },
  {
    means: "nonce_too_high",
    pattern:
      /nonce (is )?too high|nonce too far in (the )?future|NonceGap|delegation nonce gap|gapped-nonce tx|too distant from current sender nonce|invalid transaction with a lower nonce exists/i,
  },
  {
    means: "pool_full",
    pattern:
      /tx ?pool is full|pending tx pool full|queue full|sub-pool is full|account limit exceeded|in-flight transaction limit|delegation authority has pending transaction|address already reserved|pending transaction type conflict|future transaction tries to replace pending|pool size constraints|identified as a spammer|^(INTERNAL_ERROR: )?spammer$|too many transactions (in the queue|from sender)/im,
  },
  {
    means: "insufficient_funds",
    pattern:
      /insufficient funds|InsufficientFunds|insufficient balance|not enough funds for gas|upfront cost exceeds|would cause overdraft|overdraws from account/i,
  },
  {
    means: "rejected",
    pattern:
      /tx fee .* exceeds the configured cap|fee cap exceeded|intrinsic gas|IntrinsicGas|floor data gas|exceeds block('s)? gas limit|exceeds (block gas limit|max transaction gas limit)|gas limit (is )?too high|TxGasLimitCapExceeded|gas limit is greater than|gas limit reached|GasLimitExceeded|gas uint64 overflow|GasUintOverflow|Int256Overflow|transaction cost overflow/i,
  },
  {
    means: "rejected",
    pattern:
      /invalid sender|invalid signature|invalid transaction signature|invalid transaction v, r, s|recover sender|FailedToResolveSender|sender (is )?not an eoa|SenderIsContract|sender account not authorized|ChainId is required|only replay-protected/i,
  },
  {
    means: "rejected",
    pattern:
      /type (.* is )?not supported|unsupported transaction type|invalid transaction type|transaction type is not activated|oversized data|input data too large|transaction too large|RLPTooLong|rlp: |(decode|decoding) .*transaction|empty transaction data|negative value|max initcode size|initcode too large|nonce has max value|higher than 2\^256-1|higher than max fee per gas|priority fee per gas exceeds max fee|InvalidMaxPriorityFeePerGas|marked the transaction as invalid|^transaction invalid/im,
  },
  {
    means: "underpriced",
    pattern:
      /underpriced|fee too low|FeeTooLow|less than block base fee|below current base fee|below configured minimum gas price|gas price (is )?too low|below chain minimum|below minimum required priority fee|price minimum floor|(gas )?(price|tip|fee)( cap)? (is )?below (the )?(required )?minimum|gas tip cap .*minimum needed|min(imum)? gas (price|tip)/i,
  },
];

/** Gateways nest the node's error, at most this deep. */
const MAX_DEPTH = 6;

/** Every text in an error answer, wherever a gateway put it; hexadecimal data (bytes of a revert) is no text. */
function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return /^0x[0-9a-f]*$/i.test(value) ? [] : [value];
  if (typeof value !== "object" || value === null || depth >= MAX_DEPTH) return [];
  return Object.values(value).flatMap((one) => textsIn(one, depth + 1));
}

/** All that a node said; undefined when it did not answer. */
export function textOf(error: unknown): string | undefined {
  if (!(error instanceof RpcError)) return undefined;
  return [error.message, ...textsIn(error.data)].join("\n");
}

/**
 * The meaning of what eth_sendRawTransaction threw. Reads the error's message and whatever text its data holds, because
 * gateways wrap the node's error in a -32603, -32000 or -32010 of their own; codes differ too much between clients to
 * mean anything. No answer at all is `unknown`: the request may have arrived.
 */
export function classifySendError(error: unknown): SendErrorClass {
  const text = textOf(error);
  if (text === undefined) return "unknown";
  return RULES.find((rule) => rule.pattern.test(text))?.means ?? "unknown";
}

/**
 * Whether such an answer says for sure that the node asked did not take the transaction, now or for later. True only of
 * bytes that the rules of the chain or of the node forbid. Everything else may be in a pool:
 * - `insufficient_funds` and `pool_full`: geth 1.14.12 to 1.15.4 keeps what it refused in its tracker of local
 *   transactions and tries it again once there are funds or room (go-ethereum pull request 31202, mended by 31618);
 * - `nonce_too_high`: nitro answers so to a second sending while the first still waits in its cache of gapped nonces;
 * - `nonce_too_low`: the nonce may have been consumed by these very bytes.
 *
 * Even where it is true it speaks of this request alone. An earlier one, or another endpoint, may have been taken: by
 * itself it is no ground to free the nonce or to give the operation another.
 */
export function isSurelyNotTaken(meaning: SendErrorClass): boolean {
  return meaning === "rejected";
}
