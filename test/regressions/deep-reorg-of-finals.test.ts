// The indexer follows reorgs down to twice the finality depth; the sender never looks at what is final again: the nonce is a
// hole, everything behind it waits for ever, nobody is told, and the end is never sent again.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a reorg that the indexer follows does not leave a hole in the nonces", async () => {
  const [first = 0n, second = 0n] = await engine.due(2);
  const early = await engine.ask("end", first);
  const sender = await engine.sender({ finalityDepth: 3 });
  await engine.rounds(sender, async () => (await engine.operation(early))["state"] === "final");
  await engine.automine(false);
  const depth =
    (await engine.blockNumber()) - Number((await engine.transactions())[0]?.["block_number"]) + 1;
  expect(depth).toBeLessThan(6);
  await engine.reorg(depth);
  await engine.chain.provider.send("anvil_dropAllTransactions", []);
  engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
  const late = await engine.ask("end", second);
  for (let block = 0; block < 30; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(String((await engine.chain.state(second))["state"])).toBe("2");
  expect(String((await engine.chain.state(first))["state"])).toBe("2");
  expect(await engine.operation(late)).toMatchObject({ settled: true });
});
