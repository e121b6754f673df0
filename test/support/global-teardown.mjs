import { once } from "node:events";
import { rmSync } from "node:fs";
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
  // Kept when something was found: it is what one has to look at.
  if (leaks.length > 0) throw new Error(`the product logged secrets:\n${leaks.join("\n")}`);
  rmSync(folder, { recursive: true, force: true });
}
