// With each new block every wallet asks which ends nobody has asked for. Nothing indexes operations by auction.
import { armEnds } from "../../src/chain/sending/operations.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("arming ends does not read all operations that ever were", async () => {
  await engine.db.query(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, workflow_id, state, wallet, nonce, settled)
     SELECT 'end:' || $1 || ':' || $2 || ':' || n, 'end', $1::bigint, $2, n, 'w' || n, 'final', $2, n, true FROM generate_series(1, 200000) n`,
    [engine.chainId, engine.contract],
  );
  await engine.db.query(
    `INSERT INTO auctions (chain_id, contract, auction_id, host, salt, phase, starts_at, ends_at, original_ends_at, meeting_starts_at, meeting_duration_s,
       reserve_price_wei, min_increment_wei, fee_bps, transferable, updated_block)
     SELECT $1, $2, n, $2, $3, CASE WHEN n > 199000 THEN 'bidding' ELSE 'closed' END, now(), now() + n * interval '1 second', now(), now(), 1, 1, 1, 0, false, 1 FROM generate_series(1, 200000) n`,
    [engine.chainId, engine.contract, `0x${"11".repeat(32)}`],
  );
  await engine.db.query("ANALYZE");
  const plans: string[] = [];
  await engine.db.transaction(async (tx) => {
    const untilS = Math.floor(Date.now() / 1000) + 199_020;
    await armEnds(
      {
        query: async <T extends object>(sql: string, parameters: readonly unknown[] = []) => {
          const plan = await tx.query<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`, parameters);
          plans.push(plan.map((row) => row["QUERY PLAN"]).join("\n"));
          return tx.query<T>(sql, parameters);
        },
      },
      engine.chainId,
      engine.contract,
      untilS,
    );
  });
  expect(plans.join("\n")).not.toMatch(/Seq Scan on chain_operations/);
});
