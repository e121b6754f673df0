import { createHash } from "node:crypto";
import type { Queryable, Transactor } from "./database.ts";
import { forgetKeys } from "./idempotency.ts";
import { forgetAnnouncements } from "./reads.ts";

/** What people prove themselves with, as far as it is kept: digests and ciphertexts, nothing that opens anything. */

/**
 * How long a verification token that has logged somebody in is remembered, counted from the last time it was shown. Para
 * does not say when a token dies: it lives as long as its session, at most 30 days, and longer if the session is used
 * again and again. Three times that long without being shown is taken for its end.
 */
const REMEMBERED_DAYS = 90;

/**
 * Spends a verification token: of any number of calls with the same one, at once or weeks apart, one gets `true`.
 * Showing a spent one again keeps it spent for longer.
 */
export async function spendVerificationToken(
  db: Queryable,
  verificationToken: string,
): Promise<boolean> {
  const digest = createHash("sha256").update(verificationToken).digest();
  const [row] = await db.query<{ fresh: boolean }>(
    // xmax is 0 in a row that was inserted, and not in one that was updated.
    `INSERT INTO spent_verification_tokens AS spent (digest, expires_at) VALUES ($1, now() + make_interval(days => $2))
     ON CONFLICT (digest) DO UPDATE SET expires_at = EXCLUDED.expires_at RETURNING spent.xmax = 0 AS fresh`,
    [digest, REMEMBERED_DAYS],
  );
  return row?.fresh === true;
}

export interface SealedSession {
  readonly keyId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly authTag: Buffer;
  readonly expiresAt: Date | null;
}

/** Keeps a user's encrypted Para session, in place of the one before. */
export async function saveParaSession(
  db: Queryable,
  userId: string,
  session: SealedSession,
): Promise<void> {
  await db.query(
    `INSERT INTO para_sessions (user_id, key_id, iv, ciphertext, auth_tag, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_id) DO UPDATE SET key_id = excluded.key_id, iv = excluded.iv, ciphertext = excluded.ciphertext,
       auth_tag = excluded.auth_tag, expires_at = excluded.expires_at, created_at = now()`,
    [userId, session.keyId, session.iv, session.ciphertext, session.authTag, session.expiresAt],
  );
}

/** A kept session and whose it is. */
export interface KeptSession extends Omit<SealedSession, "expiresAt"> {
  readonly userId: string;
}

/** Locks, in the order of their users, the next sessions that another key than `keyId` sealed. */
export async function lockSessionsOfOtherKeys(
  tx: Queryable,
  keyId: string,
  page: { readonly afterUserId: string | null; readonly limit: number },
): Promise<readonly KeptSession[]> {
  return tx.query<KeptSession>(
    `SELECT user_id AS "userId", key_id AS "keyId", iv, ciphertext, auth_tag AS "authTag" FROM para_sessions
     WHERE key_id <> $1 AND ($2::uuid IS NULL OR user_id > $2) ORDER BY user_id LIMIT $3 FOR UPDATE`,
    [keyId, page.afterUserId, page.limit],
  );
}

/** Puts a session that is sealed anew in the place of what was there. */
export async function replaceSealedSession(tx: Queryable, session: KeptSession): Promise<void> {
  await tx.query(
    "UPDATE para_sessions SET key_id = $2, iv = $3, ciphertext = $4, auth_tag = $5 WHERE user_id = $1",
    [session.userId, session.keyId, session.iv, session.ciphertext, session.authTag],
  );
}

/** How many sessions each key has sealed. */
export async function sessionsByKey(db: Queryable): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query<{ keyId: string; sessions: number }>(
    `SELECT key_id AS "keyId", count(*)::int AS sessions FROM para_sessions GROUP BY key_id ORDER BY key_id`,
  );
  return new Map(rows.map((row) => [row.keyId, row.sessions]));
}

/**
 * Forgets what serves nothing any more: sessions that have ended, verification tokens that are long dead, challenges to
 * wallets that nobody can answer now, answers that nobody asks for again. Returns how many rows went.
 */
export async function forgetExpired(db: Transactor): Promise<number> {
  const forgotten = await db.transaction(async (tx) => {
    const counts = [await forgetKeys(tx), await forgetAnnouncements(tx)];
    for (const table of ["spent_verification_tokens", "para_sessions", "wallet_challenges"])
      counts.push(
        (await tx.query(`DELETE FROM ${table} WHERE expires_at < now() RETURNING 1`)).length,
      );
    return counts;
  });
  return forgotten.reduce((sum, count) => sum + count, 0);
}
