import type { OperationKind } from "../domain/process.ts";

/** What a wallet looks like from here and from the chain. */
export interface WalletReading {
  readonly wallet: string;
  readonly balanceWei: bigint;
  readonly inFlight: number;
  readonly nonceNext: number;
  readonly chainLatest: number;
  readonly chainPending: number;
  /** Transactions that wait because the market asks for more than may be paid. */
  readonly held: number;
  readonly paused: boolean;
}

/** What the sender tells whoever measures. Services know no metrics library; src/metrics.ts implements this. */
export interface SenderObserver {
  /** `count` operations entered a stage of their life. */
  operations(
    stage: "created" | "signed" | "broadcast" | "mined" | "final" | "failed",
    kind: OperationKind,
    count: number,
  ): void;
  /** How long an operation was in a stage, in seconds. */
  stage(stage: "queued" | "included", kind: OperationKind, seconds: number): void;
  /** An end is in a block: how many blocks and seconds after the first block that could have held it. */
  deadline(late: { readonly blocks: number; readonly seconds: number }): void;
  sendError(meaning: string): void;
  replaced(reason: string): void;
  feeCapHit(kind: string): void;
  gaps(change: "detected" | "closed", count: number): void;
  receiptLost(): void;
  foreignNonce(): void;
  wallet(reading: WalletReading): void;
  /** This process serves the wallet no more: what it knows of it is history. */
  walletGivenUp(wallet: string): void;
}

const nothing = (): void => undefined;

/** Measures nothing. */
export const SILENT: SenderObserver = {
  operations: nothing,
  stage: nothing,
  deadline: nothing,
  sendError: nothing,
  replaced: nothing,
  feeCapHit: nothing,
  gaps: nothing,
  receiptLost: nothing,
  foreignNonce: nothing,
  wallet: nothing,
  walletGivenUp: nothing,
};
