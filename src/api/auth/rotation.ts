import type { ApiConfig } from "../../config.ts";
import {
  type KeptSession,
  lockSessionsOfOtherKeys,
  replaceSealedSession,
  sessionsByKey,
} from "../../db/credentials.ts";
import type { Transactor } from "../../db/database.ts";
import { messageOf } from "../../errors.ts";
import { seal, unseal } from "./sealing.ts";

/** Sessions sealed anew in one transaction: short enough that a login that waits for its row does not notice. */
const BATCH = 100;

export interface Rotation {
  /** The key that everything readable is now under. */
  readonly newestKeyId: string;
  readonly resealed: number;
  /** Sessions that no given key opens, and why; they are left as they are. */
  readonly unreadable: readonly { readonly userId: string; readonly reason: string }[];
  /** Keys that were given and seal nothing any more: once every API runs with the newest, they can go. */
  readonly unusedKeyIds: readonly string[];
}

/**
 * Brings every kept session under the newest key. Each batch is a transaction of its own, so a run that is stopped has
 * done what it has done, and the next goes on from there; a run with nothing to do changes nothing.
 */
export async function rotateKeys(
  db: Transactor,
  keys: ApiConfig["ENCRYPTION_KEYS"],
): Promise<Rotation> {
  const [newest] = keys;
  if (newest === undefined) throw new Error("there is no encryption key");
  const unreadable: { userId: string; reason: string }[] = [];
  let resealed = 0;
  let afterUserId: string | null = null;
  for (;;) {
    const page: { afterUserId: string | null; limit: number } = { afterUserId, limit: BATCH };
    const sessions: readonly KeptSession[] = await db.transaction(async (tx) => {
      const locked = await lockSessionsOfOtherKeys(tx, newest.id, page);
      for (const session of locked) {
        const { userId } = session;
        let opened: string;
        try {
          opened = unseal(keys, session, userId);
        } catch (error) {
          unreadable.push({ userId, reason: messageOf(error) });
          continue;
        }
        await replaceSealedSession(tx, { userId, ...seal(keys, opened, userId) });
        resealed += 1;
      }
      return locked;
    });
    afterUserId = sessions.at(-1)?.userId ?? null;
    if (sessions.length < BATCH) break;
  }
  const used = await sessionsByKey(db);
  const unusedKeyIds = keys.map((one) => one.id).filter((id) => id !== newest.id && !used.has(id));
  return { newestKeyId: newest.id, resealed, unreadable, unusedKeyIds };
}
