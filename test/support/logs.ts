// What the product logs during a run, and the proof that no secret is in it. Every test gives the product a logger from
// here and names its secrets; when the run is over, global-teardown.mjs reads it all and fails the run over a single one.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
} from "node:fs";
import { join } from "node:path";
import { createLogger, type Logger, silentLogger } from "../../src/logging.ts";

const SECRETS = "secrets.jsonl";

/** Everything is logged, down to debug, into the run's folder and nowhere else. */
export function testLogger(service = "test"): Logger {
  const folder = process.env["MEETING_AUCTION_TEST_LOGS"];
  if (folder === undefined) return silentLogger();
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });
  const directory = mkdtempSync(join(logs, `${service}-`));
  return createLogger({ service, level: "debug", directory, console: false, terminal: false });
}

/** Names values that must be in no log of this run. */
export function rememberSecrets(...values: readonly string[]): void {
  const folder = process.env["MEETING_AUCTION_TEST_LOGS"];
  if (folder === undefined) return;
  const lines = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  appendFileSync(join(folder, SECRETS), lines);
}

/** The files below a folder that hold one of the secrets, or anything that looks like a token. */
export function filesWithSecrets(
  folder: string,
  secrets: readonly string[],
  leftOut: (file: string) => boolean = () => false,
): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !leftOut(file));
  return files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const secret = secrets.find((one) => text.includes(one));
    if (secret !== undefined)
      return [`${file} holds a secret that begins with ${secret.slice(0, 6)}`];
    // Our tokens, Para's and Jitsi's are JWTs.
    return /eyJ[\w-]{10,}\.[\w-]{10,}\./.test(text) ? [`${file} holds a token`] : [];
  });
}

/** What a run has logged that it must not have; called when it is over. */
export function leaksOf(folder: string): string[] {
  const list = join(folder, SECRETS);
  const logs = join(folder, "logs");
  if (!existsSync(list) || !existsSync(logs)) return [];
  const secrets = readFileSync(list, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as string);
  return filesWithSecrets(logs, [...new Set(secrets)]);
}
