import type { MikroORM } from "@mikro-orm/postgresql";
import { refused } from "../errors.ts";
import { type Database, first, type Queryable } from "./database.ts";
import { UserEntity } from "./entities.ts";
import { recordEvents } from "./events.ts";
import { deliverKept } from "./notifications.ts";

/** A person and the wallets they proved to be theirs (lower-case, oldest first). */
export interface Account {
  readonly id: string;
  readonly authType: string;
  readonly identifier: string;
  readonly displayName: string | null;
  readonly sessionEpoch: number;
  readonly wallets: readonly string[];
}

/**
 * Events between nodes, never forwarded to a client: a session ended (`{epoch}`: all older sockets go), a wallet was
 * bound (`{address}`: the user's sockets hear of it from now on).
 */
export const SESSION_ENDED = "session-ended";
export const WALLET_BOUND = "wallet-bound";
export const INTERNAL_EVENT_TYPES: readonly string[] = [SESSION_ENDED, WALLET_BOUND];

const FIND_ACCOUNT = `SELECT id, auth_type AS "authType", identifier, display_name AS "displayName", session_epoch AS "sessionEpoch",
            ARRAY(SELECT address::text FROM wallets WHERE user_id = users.id ORDER BY created_at, address) AS wallets
     FROM users WHERE id = $1`;

export async function findAccount(db: Queryable, userId: string): Promise<Account | undefined> {
  return first<Account>(db, FIND_ACCOUNT, [userId]);
}

/** The same, and nobody logs out of it before the transaction ends. */
export async function holdAccount(tx: Queryable, userId: string): Promise<Account | undefined> {
  return first<Account>(tx, `${FIND_ACCOUNT} FOR SHARE`, [userId]);
}

/** What names an account. */
export interface AccountName {
  readonly authType: string;
  readonly identifier: string;
  /** How accounts of before are named, which leaves open whose of several people they are. */
  readonly formerIdentifier?: string;
}

/** The account of an identity Para vouched for; made on first sight. Returns its id. */
export async function ensureUser(orm: MikroORM, identity: AccountName): Promise<string> {
  const em = orm.em.fork();
  const user = await em.upsert(
    UserEntity,
    { authType: identity.authType, identifier: identity.identifier },
    {
      onConflictFields: ["authType", "identifier"],
      onConflictAction: "merge",
      onConflictMergeFields: ["identifier"],
    },
  );
  return user.id;
}

/**
 * The id of the account of an identity, if there is one. An account of the former name is theirs who come with one of its
 * wallets (lower-case), and has the new name from then on.
 */
export async function findUserId(
  db: Queryable,
  { authType, identifier, formerIdentifier }: AccountName,
  wallets: readonly string[] = [],
): Promise<string | undefined> {
  const known = await first<{ id: string }>(
    db,
    "SELECT id FROM users WHERE auth_type = $1 AND identifier = $2",
    [authType, identifier],
  );
  if (known !== undefined || formerIdentifier === undefined || wallets.length === 0)
    return known?.id;
  const renamed = await first<{ id: string }>(
    db,
    `UPDATE users SET identifier = $2 WHERE auth_type = $1 AND identifier = $3
       AND EXISTS (SELECT FROM wallets w WHERE w.user_id = users.id AND w.address = ANY($4::text[])) RETURNING id`,
    [authType, identifier, formerIdentifier, wallets],
  );
  return renamed?.id;
}

/** Whether there is an account of the former name that may be this person's: it has wallets, which can tell. */
export async function mayHaveFormerAccount(db: Queryable, identity: AccountName): Promise<boolean> {
  if (identity.formerIdentifier === undefined) return false;
  if ((await findUserId(db, identity)) !== undefined) return false;
  const former = await db.query(
    "SELECT FROM users u WHERE auth_type = $1 AND identifier = $2 AND EXISTS (SELECT FROM wallets w WHERE w.user_id = u.id)",
    [identity.authType, identity.formerIdentifier],
  );
  return former.length > 0;
}

/**
 * Binds wallets to an account, in the caller's transaction: all or none; those it has already are left as they are.
 * @throws AppError refuse 409 `wallet_taken` when one belongs to another account.
 */
export async function bindWallets(
  tx: Queryable,
  userId: string,
  addresses: readonly string[],
  source: "para" | "challenge",
): Promise<void> {
  let isNew = false;
  // One order for everybody, so that two logins binding the same wallets do not wait for each other in a circle.
  for (const address of addresses.toSorted()) {
    const added = await tx.query(
      `INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING RETURNING address`,
      [address, userId, source],
    );
    if (added.length > 0) {
      isNew = true;
      await recordEvents(tx, [
        { type: WALLET_BOUND, audience: [`user:${userId}`], data: { address } },
      ]);
      continue;
    }
    const owner = await first<{ userId: string }>(
      tx,
      `SELECT user_id AS "userId" FROM wallets WHERE address = $1`,
      [address],
    );
    if (owner?.userId !== userId)
      throw refused("wallet_taken", "that wallet belongs to another account", 409);
  }
  if (isNew) await deliverKept(tx);
}

/** Which account a wallet belongs to. */
export async function ownersOfWallets(
  db: Queryable,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ address: string; userId: string }>(
    `SELECT address::text, user_id AS "userId" FROM wallets WHERE address = ANY($1::text[])`,
    [addresses],
  );
  return new Map(rows.map((row) => [row.address, row.userId]));
}

/** Ends every session of a user: tokens of the old epoch are void, nodes cut the sockets, the Para session is forgotten. */
export async function endSessions(db: Database, userId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await first<{ epoch: number }>(
      tx,
      `UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1 RETURNING session_epoch AS epoch`,
      [userId],
    );
    await tx.query("DELETE FROM para_sessions WHERE user_id = $1", [userId]);
    await recordEvents(tx, [
      { type: SESSION_ENDED, audience: [`user:${userId}`], data: { epoch: row?.epoch } },
    ]);
  });
}

/** A question to a wallet. Its text is made of this and a key of ours, and is kept nowhere. */
export interface WalletChallenge {
  readonly id: string;
  /** Lower-case. */
  readonly address: string;
  readonly expiresAt: Date;
}

export async function createWalletChallenge(
  db: Queryable,
  userId: string,
  challenge: WalletChallenge,
): Promise<void> {
  await db.query(
    "INSERT INTO wallet_challenges (id, user_id, address, expires_at) VALUES ($1, $2, $3, $4)",
    [challenge.id, userId, challenge.address, challenge.expiresAt],
  );
}

/** An unspent, unexpired challenge of that user. */
export async function findWalletChallenge(
  db: Queryable,
  userId: string,
  id: string,
): Promise<WalletChallenge | undefined> {
  return first<WalletChallenge>(
    db,
    `SELECT id, address::text, expires_at AS "expiresAt" FROM wallet_challenges
     WHERE id = $1 AND user_id = $2 AND spent_at IS NULL AND expires_at > now()`,
    [id, userId],
  );
}

/**
 * Spends a challenge and binds its wallet, in one transaction: of any number of calls at once, one succeeds.
 * @throws AppError refuse 409 `challenge_spent`, `wallet_taken`
 */
export async function spendWalletChallenge(
  db: Database,
  userId: string,
  challenge: WalletChallenge,
): Promise<void> {
  await db.transaction(async (tx) => {
    const spent = await tx.query(
      "UPDATE wallet_challenges SET spent_at = now() WHERE id = $1 AND user_id = $2 AND spent_at IS NULL AND expires_at > now() RETURNING id",
      [challenge.id, userId],
    );
    if (spent.length === 0)
      throw refused(
        "challenge_spent",
        "the challenge has been used or has expired; ask for a new one",
        409,
      );
    await bindWallets(tx, userId, [challenge.address], "challenge");
  });
}
