import { Transaction } from "ethers";
import type { OperationKind } from "../../domain/process.ts";
import { CANCEL_GAS, encodeCall, gasLimit } from "./calls.ts";
import type { Fees } from "./fees.ts";
import type { Operation } from "./operations.ts";
import type { TransactionSigner } from "./signer.ts";
import type { ReplacementReason, SignedTransaction } from "./transactions.ts";

/** What is to be signed for a nonce: a batch of operations of one kind, or nothing but the use of the nonce. */
export type Content =
  | { readonly kind: OperationKind; readonly operations: readonly Operation[] }
  | { readonly kind: "cancel" };

export interface SigningOptions {
  readonly signer: TransactionSigner;
  readonly chainId: number;
  readonly auctionContract: string;
}

/**
 * Signs, locally and without asking a node: gas comes from a table (an estimate against the latest block says "not yet" at
 * exactly the wrong moment), and the hash is our own. A cancel is a transfer of nothing to oneself.
 */
export async function sign(
  { signer, chainId, auctionContract }: SigningOptions,
  content: Content,
  place: {
    readonly nonce: number;
    readonly fees: Fees;
    readonly signedAtBlock: number;
    readonly replaces?: string | null;
    readonly replacementReason?: ReplacementReason;
  },
): Promise<SignedTransaction> {
  const { nonce, fees } = place;
  const call =
    content.kind === "cancel"
      ? { to: signer.address, data: "0x", gasLimit: CANCEL_GAS }
      : {
          to: auctionContract,
          data: encodeCall(content.kind, content.operations),
          gasLimit: gasLimit(content.kind, content.operations.length),
        };
  const rawTransaction = await signer.signTransaction({
    ...call,
    type: 2,
    chainId,
    nonce,
    value: 0n,
    maxFeePerGas: fees.maxFeePerGasWei,
    maxPriorityFeePerGas: fees.maxPriorityFeePerGasWei,
  });
  return {
    hash: Transaction.from(rawTransaction).hash as string,
    wallet: signer.address.toLowerCase(),
    nonce,
    kind: content.kind,
    operationKeys: content.kind === "cancel" ? [] : content.operations.map((one) => one.key),
    rawTransaction,
    gasLimit: call.gasLimit,
    maxFeePerGasWei: fees.maxFeePerGasWei,
    maxPriorityFeePerGasWei: fees.maxPriorityFeePerGasWei,
    replaces: place.replaces ?? null,
    replacementReason: place.replacementReason ?? null,
    heldReason: null,
    signedAtBlock: place.signedAtBlock,
  };
}
