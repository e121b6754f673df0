import { first, type Queryable } from "./database.ts";

/** Where a user has their events sent. */
export interface WebhookRow {
  readonly id: string;
  readonly url: string;
  /** Null: every type. */
  readonly types: readonly string[] | null;
  readonly state: "enabled" | "disabled";
  readonly disabledReason: string | null;
  readonly failingSince: Date | null;
  readonly createdAt: Date;
}

/** A signing secret as it is kept. */
export interface SealedSecret {
  readonly id: string;
  readonly keyId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly authTag: Buffer;
}

const WEBHOOK = `id, url, types, state, disabled_reason AS "disabledReason", failing_since AS "failingSince", created_at AS "createdAt"`;
const SECRET = `id, key_id AS "keyId", iv, ciphertext, auth_tag AS "authTag"`;

/** A user's webhooks, oldest first. */
export async function webhooksOf(db: Queryable, userId: string): Promise<readonly WebhookRow[]> {
  return db.query<WebhookRow>(`SELECT ${WEBHOOK} FROM webhooks WHERE user_id = $1 ORDER BY id`, [
    userId,
  ]);
}

/** Adds one unless the user has `limit` of them: then undefined. It is sent what happens from now on. */
export async function addWebhook(
  tx: Queryable,
  userId: string,
  webhook: { readonly url: string; readonly types: readonly string[] | undefined },
  limit: number,
): Promise<WebhookRow | undefined> {
  // Two at once by one user take turns.
  await tx.query("SELECT FROM users WHERE id = $1 FOR UPDATE", [userId]);
  return first<WebhookRow>(
    tx,
    `INSERT INTO webhooks (user_id, url, types, after_seq) SELECT $1, $2, $3, last_seq FROM event_sequence
     WHERE (SELECT count(*) FROM webhooks WHERE user_id = $1) < $4 RETURNING ${WEBHOOK}`,
    [userId, webhook.url, webhook.types ?? null, limit],
  );
}

/** Whether there was one of theirs to remove. */
export async function removeWebhook(db: Queryable, userId: string, id: string): Promise<boolean> {
  const gone = await db.query("DELETE FROM webhooks WHERE id = $1 AND user_id = $2 RETURNING 1", [
    id,
    userId,
  ]);
  return gone.length > 0;
}

/** Enables a webhook of the user's; it is sent what happens from now on. Undefined when there is none. */
export async function enableWebhook(
  db: Queryable,
  userId: string,
  id: string,
): Promise<WebhookRow | undefined> {
  return first<WebhookRow>(
    db,
    `UPDATE webhooks SET state = 'enabled', disabled_reason = NULL, failing_since = NULL,
       after_seq = CASE WHEN state = 'enabled' THEN after_seq ELSE (SELECT last_seq FROM event_sequence) END
     WHERE id = $1 AND user_id = $2 RETURNING ${WEBHOOK}`,
    [id, userId],
  );
}

/** Whether the user has that webhook; it is theirs until the transaction ends. */
export async function holdWebhook(
  tx: Queryable,
  userId: string,
  id: string,
): Promise<WebhookRow | undefined> {
  return first<WebhookRow>(
    tx,
    `SELECT ${WEBHOOK} FROM webhooks WHERE id = $1 AND user_id = $2 FOR UPDATE`,
    [id, userId],
  );
}

/** Secrets that sign at once. */
const SECRETS_AT_ONCE = 5;

/**
 * Adds a secret; those there were sign beside it for so long, and then no more. That is more than one when somebody rotates again
 * because the answer was lost: the receiver still has the one of before.
 */
export async function addSecret(
  tx: Queryable,
  webhookId: string,
  secret: SealedSecret,
  othersSignForS: number,
): Promise<void> {
  await tx.query(
    "UPDATE webhook_secrets SET expires_at = now() + make_interval(secs => $2) WHERE webhook_id = $1 AND expires_at IS NULL",
    [webhookId, othersSignForS],
  );
  await tx.query(
    "INSERT INTO webhook_secrets (id, webhook_id, key_id, iv, ciphertext, auth_tag) VALUES ($1, $2, $3, $4, $5, $6)",
    [secret.id, webhookId, secret.keyId, secret.iv, secret.ciphertext, secret.authTag],
  );
  await tx.query(
    `DELETE FROM webhook_secrets WHERE webhook_id = $1 AND (expires_at <= now()
       OR id IN (SELECT id FROM webhook_secrets WHERE webhook_id = $1 ORDER BY expires_at DESC NULLS FIRST OFFSET $2))`,
    [webhookId, SECRETS_AT_ONCE],
  );
}

/** The secrets a webhook is signed with now, the newest first. */
export async function secretsOf(
  db: Queryable,
  webhookId: string,
): Promise<readonly SealedSecret[]> {
  return db.query<SealedSecret>(
    `SELECT ${SECRET} FROM webhook_secrets WHERE webhook_id = $1 AND (expires_at IS NULL OR expires_at > now()) ORDER BY expires_at NULLS FIRST`,
    [webhookId],
  );
}

/** Locks the next secrets, in the order of their ids, that another key than `keyId` sealed. */
export async function lockSecretsOfOtherKeys(
  tx: Queryable,
  keyId: string,
  page: { readonly after: string | null; readonly limit: number },
): Promise<readonly SealedSecret[]> {
  return tx.query<SealedSecret>(
    `SELECT ${SECRET} FROM webhook_secrets WHERE key_id <> $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3 FOR UPDATE`,
    [keyId, page.after, page.limit],
  );
}

/** The ids of the keys that secrets are sealed with. */
export async function keysOfSecrets(db: Queryable): Promise<readonly string[]> {
  const rows = await db.query<{ keyId: string }>(
    `SELECT DISTINCT key_id AS "keyId" FROM webhook_secrets`,
  );
  return rows.map((row) => row.keyId);
}

/** Puts a secret that is sealed anew in the place of what was there. */
export async function replaceSecret(tx: Queryable, secret: SealedSecret): Promise<void> {
  await tx.query(
    "UPDATE webhook_secrets SET key_id = $2, iv = $3, ciphertext = $4, auth_tag = $5 WHERE id = $1",
    [secret.id, secret.keyId, secret.iv, secret.ciphertext, secret.authTag],
  );
}
