import type { OperatorAction } from "../domain/process.ts";
import { refused } from "../errors.ts";
import type { Queryable } from "./database.ts";

/** Something an operator did, and why. */
export interface PerformedAction {
  readonly action: OperatorAction;
  /** A workflow id, `wallet/<chainId>/<address>`, or the part it was done to. */
  readonly target: string;
  /** Names the command about this target: writing it again changes nothing. */
  readonly requestId: string;
  readonly by: string;
  readonly reason: string;
  readonly details?: object;
}

/** Writes down what an operator does. Returns false when it was written before. */
export async function recordOperatorAction(tx: Queryable, one: PerformedAction): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO operator_actions (action, target, request_id, performed_by, reason, details) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (target, request_id) DO NOTHING RETURNING id`,
    [one.action, one.target, one.requestId, one.by, one.reason, JSON.stringify(one.details ?? {})],
  );
  return rows.length > 0;
}

export interface AuditRow {
  readonly at: Date;
  readonly action: OperatorAction;
  readonly target: string;
  readonly by: string;
  readonly reason: string;
  readonly details: object;
}

/** The last actions, newest first. */
export async function lastOperatorActions(db: Queryable, limit: number): Promise<AuditRow[]> {
  return db.query<AuditRow>(
    `SELECT performed_at AS at, action, target, performed_by AS by, reason, details FROM operator_actions ORDER BY performed_at DESC, id DESC LIMIT $1`,
    [limit],
  );
}

export interface WalletCommand {
  readonly chainId: number;
  /** Lower-case. */
  readonly address: string;
  readonly requestId: string;
  readonly by: string;
  readonly reason: string;
}

/** Has the wallet stop until it is resumed; its sender hears of it at once. Pausing a paused one changes nothing but the audit. */
export async function pauseWallet(tx: Queryable, command: WalletCommand): Promise<void> {
  if (!(await auditWallet(tx, "pause-wallet", command))) return;
  const { chainId, address, by, reason } = command;
  await tx.query(
    `INSERT INTO chain_wallet_pauses (chain_id, address, paused_by, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [chainId, address, by, reason],
  );
}

/** @throws AppError `wallet_not_paused` (refuse) */
export async function resumeWallet(tx: Queryable, command: WalletCommand): Promise<void> {
  if (!(await auditWallet(tx, "resume-wallet", command))) return;
  const { chainId, address } = command;
  const rows = await tx.query(
    "DELETE FROM chain_wallet_pauses WHERE chain_id = $1 AND address = $2 RETURNING address",
    [chainId, address],
  );
  if (rows.length === 0)
    throw refused("wallet_not_paused", `no operator has paused the wallet ${address}`, 409);
}

function auditWallet(
  tx: Queryable,
  action: "pause-wallet" | "resume-wallet",
  { chainId, address, requestId, by, reason }: WalletCommand,
): Promise<boolean> {
  return recordOperatorAction(tx, {
    action,
    target: `wallet/${chainId}/${address}`,
    requestId,
    by,
    reason,
  });
}

export async function isWalletPaused(
  db: Queryable,
  chainId: number,
  address: string,
): Promise<boolean> {
  const rows = await db.query(
    "SELECT FROM chain_wallet_pauses WHERE chain_id = $1 AND address = $2",
    [chainId, address],
  );
  return rows.length > 0;
}
