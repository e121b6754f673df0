import { once } from "node:events";
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { leaksOf } from "./logs.ts";

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function tearDown() {
  const broker = globalThis.testBroker;
  if (broker !== undefined && broker.exitCode === null) {
    const exit = once(broker, "exit");
    broker.stdin.end();
    await exit;
  }
  const folder = process.env.MEETING_AUCTION_TEST_LOGS;
  const leaks = leaksOf(folder);
  if (leaks.length > 0) {
    // Kept: it is what one has to look at.
    cpSync(folder, fileURLToPath(new URL("../../.dev/leaks", import.meta.url)), {
      recursive: true,
    });
    throw new Error(`the product logged secrets (kept in .dev/leaks):\n${leaks.join("\n")}`);
  }
  rmSync(folder, { recursive: true, force: true });
}
