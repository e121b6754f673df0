// Sessions at rest: sealed under a key with a name, opened by it alone, and moved to a new key while the API runs.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { anyText, fc } from "../support/random.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { rotateKeys } from "../../src/api/auth/rotation.ts";
import { seal, unseal } from "../../src/api/auth/sealing.ts";
import { saveParaSession, type SealedSession } from "../../src/db/credentials.ts";
import { ensureUser } from "../../src/db/people.ts";
import type { ApiConfig } from "../../src/config.ts";
import { Secret } from "../../src/secret.ts";
import { createTestWorld, type TestWorld } from "../support/api.ts";
import { rememberSecrets } from "../support/logs.ts";

type Keys = ApiConfig["ENCRYPTION_KEYS"];
const key = (id: string) => {
  const encoded = randomBytes(32).toString("base64");
  rememberSecrets(encoded);
  return { id, key: new Secret(encoded) };
};
const [old, newer, foreign] = [key("old"), key("newer"), key("foreign")];

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
beforeEach(() => world.db.query("TRUNCATE para_sessions"));
afterAll(() => world.close());

/** Keeps sessions of so many people, sealed with the first key. Returns what was sealed, by person. */
async function keep(people: number, keys: Keys): Promise<Map<string, string>> {
  const kept = new Map<string, string>();
  for (let n = 0; n < people; n += 1) {
    const identifier = `${randomBytes(6).toString("hex")}@example.org`;
    const userId = await ensureUser(world.orm, { authType: "email", identifier });
    const text = `session of ${identifier}`;
    await saveParaSession(world.db, userId, { ...seal(keys, text, userId), expiresAt: null });
    kept.set(userId, text);
  }
  return kept;
}

async function sealedRows(): Promise<(SealedSession & { readonly userId: string })[]> {
  return world.db.query(
    `SELECT user_id AS "userId", key_id AS "keyId", iv, ciphertext, auth_tag AS "authTag" FROM para_sessions ORDER BY user_id`,
  );
}

/** What the database's sessions say when they are opened with these keys. */
async function opened(keys: Keys): Promise<Map<string, string>> {
  return new Map((await sealedRows()).map((row) => [row.userId, unseal(keys, row, row.userId)]));
}

test("after a rotation the new key alone opens everything, and the old one nothing", async () => {
  const kept = await keep(250, [old]);
  // The new key is put first: from here on new logins use it, and old sessions are still readable.
  const both = [newer, old];
  expect(await opened(both)).toEqual(kept);
  const done = await rotateKeys(world.db, both);
  expect(done).toEqual({
    newestKeyId: "newer",
    resealed: 250,
    unreadable: [],
    resealedSecrets: 0,
    unreadableSecrets: [],
    unusedKeyIds: ["old"],
  });
  expect(await opened([newer])).toEqual(kept);
  await expect(opened([old])).rejects.toThrow("newer");
  // Again: nothing to do, nothing changed.
  const before = await sealedRows();
  expect(await rotateKeys(world.db, both)).toMatchObject({ resealed: 0, unusedKeyIds: ["old"] });
  expect(await sealedRows()).toEqual(before);
});

test("a rotation that is stopped leaves every session readable, and the next one goes on from there", async () => {
  const kept = await keep(230, [old]);
  let batches = 0;
  const stopping = {
    query: world.db.query.bind(world.db),
    transaction: ((work) => {
      batches += 1;
      // In the middle of the second batch: its work is done, its commit never comes.
      return world.db.transaction(async (tx) => {
        const value = await work(tx);
        if (batches === 2) throw new Error("killed");
        return value;
      });
    }) as typeof world.db.transaction,
  };
  await expect(rotateKeys(stopping, [newer, old])).rejects.toThrow("killed");
  expect((await sealedRows()).filter((row) => row.keyId === "newer")).toHaveLength(100);
  expect(await opened([newer, old])).toEqual(kept);
  expect(await rotateKeys(world.db, [newer, old])).toMatchObject({ resealed: 130 });
  expect(await opened([newer])).toEqual(kept);
});

test("a session that comes in while the keys are rotated is not overwritten by the one before it", async () => {
  const [userId = ""] = (await keep(1, [old])).keys();
  const both = [newer, old];
  let saved: Promise<void> | undefined;
  let isSaved = false;
  const waiting = async (): Promise<boolean> =>
    (
      await world.db.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      )
    ).length > 0;
  const slow = {
    query: world.db.query.bind(world.db),
    transaction: ((work) =>
      world.db.transaction((tx) =>
        work({
          query: async <T extends object>(sql: string, parameters?: readonly unknown[]) => {
            const rows = await tx.query<T>(sql, parameters);
            if (saved !== undefined) return rows;
            // The old session is read. Now the person logs in: that is over, or waits for us, before we go on.
            saved = saveParaSession(world.db, userId, {
              ...seal(both, "the login after it", userId),
              expiresAt: null,
            }).then(() => void (isSaved = true));
            while (!isSaved && !(await waiting())) await Promise.resolve();
            return rows;
          },
        }),
      )) as typeof world.db.transaction,
  };
  await rotateKeys(slow, both);
  await saved;
  expect(await opened([newer])).toEqual(new Map([[userId, "the login after it"]]));
});

test("npm run rotate-keys says what it did, and which sessions no key opens", async () => {
  const kept = await keep(3, [old]);
  const [lost] = (await keep(1, [foreign])).keys();
  const text = (...keys: Keys): string =>
    keys.map((one) => `${one.id}:${one.key.reveal()}`).join(",");
  const run = (...keys: Keys) =>
    promisify(execFile)(process.execPath, [join(repositoryRoot, "src/rotate-keys.ts")], {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: world.databaseUrl,
        ENCRYPTION_KEYS: text(...keys),
      },
    });
  const failed: unknown = await run(newer, old).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 1, stderr: "" });
  const { stdout } = failed as { stdout: string };
  expect(stdout).toContain("3 sessions are now sealed with the key newer");
  expect(stdout).toContain("the key old seals nothing any more");
  expect(stdout).toContain(
    `the session of user ${lost} cannot be opened and was left as it is: the encryption key foreign is not among ENCRYPTION_KEYS`,
  );
  for (const one of [old, newer, foreign]) expect(stdout).not.toContain(one.key.reveal());
  expect((await run(newer, foreign)).stdout).toContain("1 sessions are now sealed");
  for (const [userId, session] of kept) expect((await opened([newer])).get(userId)).toBe(session);
});

test("what was changed in any bit, or moved to another person's row, does not open", () => {
  fc.assert(
    fc.property(
      anyText(200),
      fc.constantFrom("iv", "ciphertext", "authTag"),
      fc.nat(),
      (text, field, at) => {
        const sealed = seal([newer], text, "owner");
        expect(unseal([newer, old], sealed, "owner")).toBe(text.toWellFormed());
        expect(() => unseal([newer], sealed, "another")).toThrow();
        if (sealed[field].length === 0) return;
        const bytes = Buffer.from(sealed[field]);
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => unseal([newer], { ...sealed, [field]: bytes }, "owner")).toThrow();
        // A tag cut short would be guessed in no time.
        expect(() =>
          unseal([newer], { ...sealed, authTag: sealed.authTag.subarray(0, 4) }, "owner"),
        ).toThrow();
      },
    ),
  );
});
