// Starts the broker (see broker.ts) before the first test file; it costs a tenth of a second, and
// servers only when a test asks for one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function setUp() {
  // What the product logs, for the search for secrets at the end (logs.ts).
  process.env.MEETING_AUCTION_TEST_LOGS = mkdtempSync(join(tmpdir(), "meeting-auction-logs-"));
  // `npm test` sets it, too (scripts/run.mjs).
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL("../../node_modules/.cache/compiled", import.meta.url),
  );
  const broker = spawn(process.execPath, [fileURLToPath(new URL("broker.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  globalThis.testBroker = broker;
  const [line] = await once(broker.stdout, "data");
  process.env.MEETING_AUCTION_TEST_BROKER = line.toString().trim();
}
