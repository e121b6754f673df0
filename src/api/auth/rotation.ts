import type { ApiConfig } from "../../config.ts";
import {
  lockSessionsOfOtherKeys,
  replaceSealedSession,
  sessionsByKey,
} from "../../db/credentials.ts";
import type { Queryable, Transactor } from "../../db/database.ts";
import { keysOfSecrets, lockSecretsOfOtherKeys, replaceSecret } from "../../db/webhooks.ts";
import { messageOf } from "../../errors.ts";
import { seal, type Sealed, unseal } from "./sealing.ts";

/** Texts sealed anew in one transaction: short enough that a login that waits for its row does not notice. */
const BATCH = 100;

export interface Rotation {
  /** The key that everything readable is now under. */
  readonly newestKeyId: string;
  /** Sessions. */
  readonly resealed: number;
  /** Sessions that no given key opens, and why; they are left as they are. */
  readonly unreadable: readonly { readonly userId: string; readonly reason: string }[];
  /** Signing secrets of webhooks. */
  readonly resealedSecrets: number;
  /** Those that no given key opens; their owners have to rotate them. */
  readonly unreadableSecrets: readonly { readonly id: string; readonly reason: string }[];
  /** Keys that were given and seal nothing any more: once every API runs with the newest, they can go. */
  readonly unusedKeyIds: readonly string[];
}

/** A sealed text and what it is bound to. */
interface Kept extends Sealed {
  readonly owner: string;
}

/** A table of sealed texts. */
interface Store {
  /** Locks the next ones, in the order of their owners, that another key sealed. */
  lock(
    tx: Queryable,
    newestKeyId: string,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly Kept[]>;
  replace(tx: Queryable, kept: Kept): Promise<void>;
}

const sessions: Store = {
  async lock(tx, keyId, { after, limit }) {
    const locked = await lockSessionsOfOtherKeys(tx, keyId, { afterUserId: after, limit });
    return locked.map(({ userId, ...sealed }) => ({ ...sealed, owner: userId }));
  },
  replace: (tx, { owner, ...sealed }) => replaceSealedSession(tx, { ...sealed, userId: owner }),
};

const secrets: Store = {
  async lock(tx, keyId, page) {
    const locked = await lockSecretsOfOtherKeys(tx, keyId, page);
    return locked.map(({ id, ...sealed }) => ({ ...sealed, owner: id }));
  },
  replace: (tx, { owner, ...sealed }) => replaceSecret(tx, { ...sealed, id: owner }),
};

async function reseal(
  db: Transactor,
  keys: ApiConfig["ENCRYPTION_KEYS"],
  newestKeyId: string,
  store: Store,
) {
  const unreadable: { owner: string; reason: string }[] = [];
  let resealed = 0;
  let after: string | null = null;
  for (;;) {
    const page: { after: string | null; limit: number } = { after, limit: BATCH };
    const batch: readonly Kept[] = await db.transaction(async (tx) => {
      const locked = await store.lock(tx, newestKeyId, page);
      for (const kept of locked) {
        const { owner } = kept;
        let opened: string;
        try {
          opened = unseal(keys, kept, owner);
        } catch (error) {
          unreadable.push({ owner, reason: messageOf(error) });
          continue;
        }
        await store.replace(tx, { owner, ...seal(keys, opened, owner) });
        resealed += 1;
      }
      return locked;
    });
    after = batch.at(-1)?.owner ?? null;
    if (batch.length < BATCH) return { resealed, unreadable };
  }
}

/**
 * Brings every kept session and every webhook's secret under the newest key. Each batch is a transaction of its own, so a run that
 * is stopped has done what it has done, and the next goes on from there; a run with nothing to do changes nothing.
 */
export async function rotateKeys(
  db: Transactor,
  keys: ApiConfig["ENCRYPTION_KEYS"],
): Promise<Rotation> {
  const [newest] = keys;
  if (newest === undefined) throw new Error("there is no encryption key");
  const ofSessions = await reseal(db, keys, newest.id, sessions);
  const ofSecrets = await reseal(db, keys, newest.id, secrets);
  const used = new Set([...(await sessionsByKey(db)).keys(), ...(await keysOfSecrets(db))]);
  return {
    newestKeyId: newest.id,
    resealed: ofSessions.resealed,
    unreadable: ofSessions.unreadable.map(({ owner, reason }) => ({ userId: owner, reason })),
    resealedSecrets: ofSecrets.resealed,
    unreadableSecrets: ofSecrets.unreadable.map(({ owner, reason }) => ({ id: owner, reason })),
    unusedKeyIds: keys.map((one) => one.id).filter((id) => id !== newest.id && !used.has(id)),
  };
}
