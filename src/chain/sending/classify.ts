import { messageOf } from "../../errors.ts";
import { RpcError } from "../rpc.ts";

/**
 * What a failed eth_sendRawTransaction means. Only `insufficient_funds` and `rejected` say for sure that the node did not
 * take the transaction; everything else means that it may have, now or before.
 */
export type SendErrorClass =
  | "already_known"
  | "nonce_too_low"
  | "replacement_underpriced"
  | "underpriced"
  | "insufficient_funds"
  | "rejected"
  | "unknown";

/** Texts of the clients' errors, most specific first. Sources: geth core/txpool/errors.go, and the clients named. */
const TEXTS: readonly (readonly [RegExp, SendErrorClass])[] = [
  [
    /replacement transaction underpriced|replacement fee too low|transaction underpriced: .*replac/i,
    "replacement_underpriced",
  ],
  [
    /already known|known transaction|already imported|already exists in the pool|AlreadyKnown|ALREADY_EXISTS/i,
    "already_known",
  ],
  [
    /nonce too low|nonce is too low|OldNonce|NONCE_TOO_LOW|invalid nonce.*too low|nonce has already been used/i,
    "nonce_too_low",
  ],
  [
    /insufficient funds|InsufficientFunds|insufficient balance|upfront cost exceeds/i,
    "insufficient_funds",
  ],
  [
    /underpriced|max fee per gas less than block base fee|FeeTooLow|gas price below|GAS_PRICE_TOO_LOW/i,
    "underpriced",
  ],
  [
    /intrinsic gas too low|exceeds block gas limit|gas limit too high|invalid sender|invalid signature|invalid chain id|tx type not supported|oversized data|rlp: /i,
    "rejected",
  ],
];

export function classifySendError(error: unknown): SendErrorClass {
  // No answer at all: the request may have arrived.
  if (!(error instanceof RpcError)) return "unknown";
  // Some gateways wrap the node's text in a -32603 with the text in `data`.
  const text = `${error.message} ${error.data === undefined ? "" : messageOf(error.data)}`;
  return TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? "unknown";
}
