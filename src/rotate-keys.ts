// `npm run rotate-keys`: seals every kept Para session and webhook secret anew with the first of ENCRYPTION_KEYS. Safe while the API runs, to
// stop and to repeat. The order of a rotation: put the new key first and leave the old ones behind it, restart every API,
// run this, take the old keys away.
import { rotateKeys } from "./api/auth/rotation.ts";
import { ConfigError, loadRotationConfig } from "./config.ts";
import { Database } from "./db/database.ts";
import { messageOf } from "./errors.ts";

async function main(): Promise<void> {
  const config = loadRotationConfig();
  const db = new Database({ url: config.DATABASE_URL, applicationName: "rotate-keys" });
  try {
    const done = await rotateKeys(db, config.ENCRYPTION_KEYS);
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    say(`${done.resealed} sessions are now sealed with the key ${done.newestKeyId}`);
    say(`${done.resealedSecrets} secrets of webhooks, too`);
    for (const id of done.unusedKeyIds)
      say(`the key ${id} seals nothing any more: it can be taken out of ENCRYPTION_KEYS`);
    for (const { userId, reason } of done.unreadable)
      say(`the session of user ${userId} cannot be opened and was left as it is: ${reason}`);
    for (const { id, reason } of done.unreadableSecrets)
      say(`the webhook secret ${id} cannot be opened and was left as it is: ${reason}`);
    if (done.unreadable.length + done.unreadableSecrets.length > 0) {
      say(
        "give the keys that are missing, or let these people sign in again and rotate their webhooks' secrets",
      );
      process.exitCode = 1;
    }
  } finally {
    await db.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `npm run rotate-keys failed: ${messageOf(error)}`}\n`,
  );
  process.exitCode = 1;
}
