// A wallet that cannot pay for the whole batch signs nothing, although it could pay for a smaller one.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("the only wallet ends the auctions that it has money for", async () => {
  const ids = await engine.due(30);
  for (const id of ids) await engine.ask("end", id);
  const head = await engine.chain.provider.getBlock("latest");
  const maxFeeWei = 2n * (head?.baseFeePerGas ?? 0n) + 10n ** 9n;
  // 450,000 gas for 30 ends are too much; 125,000 for five are not.
  await engine.chain.provider.send("anvil_setBalance", [
    engine.signer.address,
    `0x${(maxFeeWei * 150_000n).toString(16)}`,
  ]);
  await engine.mine();
  const sender = await engine.sender();
  for (let block = 0; block < 6; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  const [row] = await engine.db.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM chain_operations WHERE state <> 'pending'",
  );
  expect(row?.n).toBeGreaterThan(0);
});
