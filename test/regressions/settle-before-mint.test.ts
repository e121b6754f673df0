// A reorg drops a mint and a settlement that followed it closely. They are of different wallets, so nothing keeps their order:
// the settlement came first, and the pass could never be minted. (Seed 37 of the simulation.)
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Sales } from "../chain/sales.ts";

const FINALITY_DEPTH = 5;

let sales: Sales;
beforeEach(async () => {
  sales = await Sales.start();
});
afterEach(() => sales.engine.stop());

test("a settlement waits until its pass is final, and not for a pass that nobody has begun to mint", async () => {
  const { engine } = sales;
  const sender = await engine.sender({ finalityDepth: FINALITY_DEPTH });
  const tick = async (): Promise<void> => {
    await engine.index();
    await sender.tick();
    await engine.mine();
  };
  /** A sale that nothing can take back any more, and whose pass nobody has begun to mint. */
  const sell = async (): Promise<string> => {
    const { auctionId } = await sales.toBob();
    for (let block = 0; block <= FINALITY_DEPTH; block += 1) await engine.mine();
    await engine.index();
    return String(auctionId);
  };
  const blockOf = async (key: string): Promise<number> => {
    const [row] = await engine.db.query<{ number: number }>(
      `SELECT t.block_number AS number FROM chain_operations o JOIN chain_transactions t USING (chain_id, wallet, nonce)
       WHERE o.key = $1 AND t.block_number IS NOT NULL`,
      [key],
    );
    return row?.number ?? 0;
  };

  const minted = await sell();
  // toBob() has asked for the mint already.
  const mint = `mint:${engine.chainId}:${engine.contract}:${minted}`;
  await engine.rounds(sender, () => engine.isSettled(mint));
  const settle = await engine.ask("settle", minted, { outcome: 1 });
  while (!(await engine.isSettled(settle))) await tick();
  expect((await blockOf(settle)) - (await blockOf(mint))).toBeGreaterThanOrEqual(FINALITY_DEPTH);

  const never = await sell();
  await engine.db.query(
    "UPDATE chain_operations SET not_before_s = 99999999999 WHERE kind = 'mint' AND auction_id = $1 AND state = 'pending'",
    [never],
  );
  const refund = await engine.ask("settle", never, { outcome: 2 });
  await engine.rounds(sender, () => engine.isSettled(refund));
});
