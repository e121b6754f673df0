// One answer of one endpoint, once, decides about the next nonce. Whatever is signed at a nonce nobody can reach is lost for
// ever (rule 5), or costs thousands of cancels.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("one absurd count of one endpoint does not send an end to a nonce that cannot be reached", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const rpc = engine.endpoints(3);
  const latest = await engine.chain.provider.getTransactionCount(engine.signer.address);
  let lied = false;
  rpc.after = async (method, [, at], answer, index) => {
    if (method !== "eth_getTransactionCount" || at !== "pending" || index !== 2 || lied)
      return answer;
    lied = true;
    return "0x3b9aca00";
  };
  const sender = await engine.sender({ rpc });
  await sender.tick();
  const [first] = await engine.transactions();
  expect(Number(first?.["nonce"] ?? latest)).toBeLessThan(latest + 64);
  await engine.rounds(sender, () => engine.isSettled(key));
});
