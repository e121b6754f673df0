// Operations that once were done in the wrong order, by the wrong wallet, or not again.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { beforeEach, describe, expect, test } from "@jest/globals";
import { id as keccakOf, Wallet } from "ethers";
import { requestOperation } from "../../src/chain/sending/operations.ts";
import { meetingWorkflowId, operationKey } from "../../src/domain/process.ts";
import { Sales } from "../chain/sales.ts";
import { eachTestHasAnEngine } from "../chain/shared-chain.ts";
import type { Engine } from "../chain/support.ts";
import { rememberSecrets } from "../support/logs.ts";

let engine: Engine;
// A cap that leaves room for more than eight extensions, as the real default does.
eachTestHasAnEngine(
  (next) => {
    engine = next;
  },
  { maxExtensionS: 600 },
);

describe("refused-for-ever", () => {
  // patience.ts: "tried again, as what refused it (a missing role, a wrong setting) gets mended outside"
  test.each(["mint", "settle"] as const)(
    "a %s that failed while the wallet lacked its role is done once the role is back",
    async (kind) => {
      const { chain } = engine;
      const auctionId = await chain.sold(chain.person(0), 2_000n);
      const role = keccakOf("OPERATOR_ROLE");
      await chain.send(chain.admin, "revokeRole", [role, chain.operator]);
      const key = await engine.ask(kind, auctionId, { outcome: 2 });
      const sender = await engine.sender();
      for (let round = 0; round < 20; round += 1) {
        await sender.tick();
        await engine.mine();
      }
      // Under half a minute of 1 s blocks later, somebody grants the role, and the workflow asks again (ASK_AGAIN_MS).
      await chain.send(chain.admin, "grantRole", [role, chain.operator]);
      await engine.ask(kind, auctionId, { outcome: 2 });
      for (let round = 0; round < 5; round += 1) {
        await sender.tick();
        await engine.mine();
      }
      expect(await engine.operation(key)).toMatchObject({ result: { status: "done" } });
    },
  );
});

// A reorg drops a mint and a settlement that followed it closely. They are of different wallets, so nothing keeps their order:
// the settlement came first, and the pass could never be minted. (Seed 37 of the simulation.)
describe("settle-before-mint", () => {
  const FINALITY_DEPTH = 5;

  let sales: Sales;
  beforeEach(async () => {
    sales = await Sales.start(engine);
  });

  test("a settlement waits until its pass is final, and not for a pass that nobody has begun to mint", async () => {
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
});

// A settlement was asked for when its sale is taken back. It waits until a sale is final, and by then its meeting is withdrawn:
// sent at once it would have settled the next sale with the old meeting's outcome.
describe("settle-of-a-withdrawn-meeting", () => {
  let sales: Sales;
  beforeEach(async () => {
    sales = await Sales.start(engine);
  });

  test("a new sale is not settled with the outcome of the meeting that was withdrawn", async () => {
    const { chain, db } = engine;
    const { auctionId, meeting } = await sales.toBob();
    const ref = sales.ref(auctionId);
    await db.transaction((tx) =>
      requestOperation(tx, {
        ...ref,
        key: operationKey("settle", ref),
        kind: "settle",
        outcome: 2,
        notBeforeS: 0,
        workflowId: meetingWorkflowId(meeting.meetingId),
      }),
    );
    // The reorg drops Bob's bid and the end; the sender has not heard of it.
    await engine.reorg(2);
    chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
    const sender = await engine.sender({ confirmations: 2 });
    await sender.tick();
    const key = operationKey("settle", ref);
    await engine.index();
    await sender.tick();
    expect(await engine.operation(key)).toMatchObject({ state: "pending", settled: false });
    // Carol wins instead, and the indexer withdraws Bob's meeting.
    await chain.bid(auctionId, sales.carol, 7_000n);
    await chain.end(auctionId);
    await engine.index();
    expect(await sales.stateOf(meeting.meetingId)).toBe("withdrawn");
    for (let block = 0; block < 8; block += 1) {
      await sender.tick();
      await engine.mine();
    }
    // Carol's meeting has not even been arranged.
    expect((await chain.state(auctionId))["state"]).toBe(2n);
  });
});

// Wallets say that they are there with each new block only, and count as gone after 5 s. On a chain of 12 s blocks the others
// are always gone when ends are due (right after a new block): the first wallet takes everything.
describe("wallets-on-slow-chains", () => {
  test("two wallets share the work on a chain with 12 s blocks", async () => {
    for (let block = 0; block < 16; block += 1) await engine.mine(12);
    const ids = await engine.due(6);
    for (let block = 0; block < 16; block += 1) await engine.mine(12);
    const other = new Wallet(engine.chain.anvil.accounts[8]?.privateKey ?? "");
    rememberSecrets(other.privateKey, other.privateKey.slice(2));
    const first = await engine.sender({ maxBatchItems: 1 });
    const second = await engine.sender({ maxBatchItems: 1, signer: other });
    await first.tick();
    await second.tick();
    // Twelve seconds pass without a block; both are alive and look at the chain.
    await engine.db.query("UPDATE chain_wallets SET seen_at = seen_at - interval '12 seconds'");
    await first.tick();
    await second.tick();
    for (const id of ids) await engine.ask("end", id);
    await engine.mine();
    await first.tick();
    expect(await engine.transactions()).toHaveLength(3);
  });
});

describe("sniped-eight-times", () => {
  test("an auction that is extended at the last second many times is ended all the same", async () => {
    const { chain } = engine;
    const auctionId = await chain.create();
    await chain.bid(auctionId, chain.person(0), 2_000n);
    const endOf = async () => Number((await chain.state(auctionId))["endTime"]);
    const key = await engine.ask("end", auctionId, { notBeforeS: await endOf() });
    const sender = await engine.sender();
    await engine.automine(false);
    for (let round = 0; round < 10; round += 1) {
      // The sender cannot know of the bid that is in the pool.
      chain.nowS = (await endOf()) - 3;
      await engine.mine();
      await engine.automine(true);
      await chain.bid(auctionId, chain.person(round % 3), 3_000n * 2n ** BigInt(round)); // at end - 1 … + 6 s
      await engine.automine(false);
      // The indexer is one poll (200 ms) behind the sender, so the op still carries the old end.
      await sender.tick();
      await engine.mine(); // the old end time: not yet ended any more
      await sender.tick();
    }
    chain.nowS = await endOf();
    await engine.mine();
    await engine.ask("end", auctionId, { notBeforeS: await endOf() });
    for (let round = 0; round < 4; round += 1) {
      await sender.tick();
      await engine.mine();
    }
    const { state, attempts, reason } = await engine.operation(key);
    expect({
      state,
      attempts,
      reason,
      onChain: Number((await chain.state(auctionId))["state"]),
    }).toMatchObject({ onChain: 2 });
  });
});
