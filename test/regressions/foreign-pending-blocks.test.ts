// A pool shows a transaction of this wallet that is not stored (a restored backup, a second user of the key) and that is never
// included (too cheap), or it shows a count that is wrong. The sender counts the nonce as taken, closeGaps does not look below
// the pending count, and everything behind it waits for ever.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a nonce that a pool calls taken, but that is neither ours nor ever included, does not hold up the wallet for ever", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const latest = await engine.chain.provider.getTransactionCount(engine.signer.address);
  engine.rpc.after = async (method, [, at], answer) =>
    method === "eth_getTransactionCount" && at === "pending"
      ? `0x${Math.max(Number(answer), latest + 1).toString(16)}`
      : answer;
  const sender = await engine.sender();
  for (let block = 0; block < 40 && !(await engine.isSettled(key)); block += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true });
});
