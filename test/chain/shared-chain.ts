import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import type { MeetingAuctionConfig } from "../../contracts/deploy.ts";
import type { AuctionChain } from "../contracts/harness.ts";
import { Engine } from "./support.ts";

/**
 * Gives each test of the file, or of the describe block, an engine with a database of its own. They share one chain, which is set
 * back before each test: starting a chain and deploying the contracts takes most of a second of processor time.
 */
export function eachTestHasAnEngine(
  use: (engine: Engine) => void | Promise<void>,
  config: Partial<MeetingAuctionConfig> = {},
): void {
  let chain: AuctionChain;
  let engine: Engine | undefined;
  let startS: number;
  let snapshot: unknown;

  beforeAll(async () => {
    chain = await Engine.startChain(config);
    startS = chain.nowS;
    snapshot = await chain.provider.send("evm_snapshot", []);
  });
  beforeEach(async () => {
    // A snapshot can be used once.
    await chain.provider.send("anvil_dropAllTransactions", []);
    await chain.provider.send("evm_revert", [snapshot]);
    snapshot = await chain.provider.send("evm_snapshot", []);
    await chain.provider.send("evm_setAutomine", [true]);
    chain.nowS = startS;
    engine = await Engine.start(chain);
    await use(engine);
  });
  afterEach(async () => {
    await engine?.stop();
    engine = undefined;
  });
  afterAll(() => chain?.stop());
}
