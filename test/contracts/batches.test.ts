// Every item of a batch stands alone: bad ones are reported with their reason, good ones happen.
import {
  AUCTION_STATES,
  FAILURE_REASONS,
  OUTCOMES,
  batchGasLimit,
} from "../../src/chain/contracts.ts";
import type { BatchKind } from "../../src/chain/contracts.ts";
import { AuctionChain, ContractRevert, RESERVE_WEI } from "./harness.ts";
import type { Decoded, Receipt } from "./harness.ts";

const UNKNOWN_ID = 999_999n;
const ITEMS = 6;
const LONG_BATCH = 40;

interface Batch {
  readonly kind: BatchKind;
  readonly method: string;
  readonly args: (ids: bigint[]) => unknown[];
  /** The event of an item that was done, and of one that was not. */
  readonly done: string;
  readonly failure: string;
}

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start({}, { accounts: 4 + 2 * ITEMS });
});
afterAll(() => chain.stop());

/** One auction in each state a batch can meet. */
async function oneOfEach() {
  const endTime = chain.nowS + 200;
  const cancelled = await chain.create({ endTime });
  await chain.send(chain.host, "cancel", [cancelled]);
  const unsold = await chain.create({ endTime });
  const sold = await chain.create({ endTime });
  const alsoSold = await chain.create({ endTime });
  const settled = await chain.create({ endTime });
  const open = await chain.create({ endTime: endTime + 100_000 });
  for (const id of [sold, alsoSold, settled, open])
    await chain.bid(id, chain.person(0), RESERVE_WEI);
  return { endTime, cancelled, unsold, sold, alsoSold, settled, open };
}

const failed = (event: string, id: bigint, reason: keyof typeof FAILURE_REASONS): Decoded => [
  event,
  id,
  BigInt(FAILURE_REASONS[reason]),
];

/** The events about auctions, without those of the pass. */
function auctionLogs({ logs }: Receipt): Decoded[] {
  return logs.filter(([name]) => name !== "Transfer" && name !== "Locked");
}

describe("isolation", () => {
  test("end, mint and settle skip what cannot be done and do the rest, in order", async () => {
    const { endTime, cancelled, unsold, sold, alsoSold, settled, open } = await oneOfEach();
    const none: Receipt = await chain.send(chain.operator, "endAuctions", [[]]);
    expect(none.logs).toEqual([]);

    await chain.send(chain.person(1), "endAuctions", [[settled]], { atS: endTime });
    const ended = await chain.send(chain.person(1), "endAuctions", [
      [UNKNOWN_ID, open, sold, sold, cancelled, settled, 0n, alsoSold, unsold],
    ]);
    expect(ended.logs).toEqual([
      failed("AuctionEndFailed", UNKNOWN_ID, "UNKNOWN_AUCTION"),
      failed("AuctionEndFailed", open, "NOT_YET_ENDED"),
      ["AuctionEnded", sold, chain.person(0), RESERVE_WEI],
      failed("AuctionEndFailed", sold, "ALREADY_ENDED"),
      failed("AuctionEndFailed", cancelled, "CANCELLED"),
      failed("AuctionEndFailed", settled, "ALREADY_ENDED"),
      failed("AuctionEndFailed", 0n, "UNKNOWN_AUCTION"),
      ["AuctionEnded", alsoSold, chain.person(0), RESERVE_WEI],
      ["AuctionEnded", unsold, "0x0000000000000000000000000000000000000000", 0n],
    ]);

    await chain.send(chain.operator, "settleMeetings", [[settled], [OUTCOMES.HELD]]);
    const closed = await chain.send(chain.person(1), "endAuctions", [[settled]]);
    expect(closed.logs).toEqual([failed("AuctionEndFailed", settled, "ALREADY_ENDED")]);
    const minted = await chain.send(chain.operator, "mintPasses", [
      [UNKNOWN_ID, open, sold, sold, cancelled, unsold, settled, alsoSold],
    ]);
    expect(auctionLogs(minted)).toEqual([
      failed("PassMintFailed", UNKNOWN_ID, "UNKNOWN_AUCTION"),
      failed("PassMintFailed", open, "NOT_ENDED"),
      failed("PassMintFailed", sold, "ALREADY_MINTED"),
      failed("PassMintFailed", cancelled, "CANCELLED"),
      failed("PassMintFailed", unsold, "NOT_SOLD"),
      failed("PassMintFailed", settled, "ALREADY_SETTLED"),
    ]);
    expect(minted.logs.filter(([name]) => name === "Transfer").map((log) => log[3])).toEqual([
      sold,
      alsoSold,
    ]);

    const items: [bigint, number][] = [
      [UNKNOWN_ID, OUTCOMES.HELD],
      [open, OUTCOMES.HELD],
      [sold, OUTCOMES.NONE],
      [sold, OUTCOMES.RELEASED],
      [sold, 255],
      [sold, OUTCOMES.HELD],
      [sold, OUTCOMES.HOST_ABSENT],
      [cancelled, OUTCOMES.HELD],
      [unsold, OUTCOMES.HELD],
      [settled, OUTCOMES.HELD],
      [alsoSold, OUTCOMES.HOST_ABSENT],
    ];
    const receipt = await chain.send(chain.operator, "settleMeetings", [
      items.map(([id]) => id),
      items.map(([, outcome]) => outcome),
    ]);
    expect(auctionLogs(receipt).map((log) => log.slice(0, 3))).toEqual([
      failed("SettlementFailed", UNKNOWN_ID, "UNKNOWN_AUCTION"),
      failed("SettlementFailed", open, "NOT_ENDED"),
      failed("SettlementFailed", sold, "BAD_OUTCOME"),
      failed("SettlementFailed", sold, "BAD_OUTCOME"),
      failed("SettlementFailed", sold, "BAD_OUTCOME"),
      ["NFTBurnedForMeeting", sold, sold],
      ["MeetingSettled", sold, BigInt(OUTCOMES.HELD)],
      failed("SettlementFailed", sold, "ALREADY_SETTLED"),
      failed("SettlementFailed", cancelled, "CANCELLED"),
      failed("SettlementFailed", unsold, "NOT_SOLD"),
      failed("SettlementFailed", settled, "ALREADY_SETTLED"),
      ["NFTBurnedForMeeting", alsoSold, alsoSold],
      ["MeetingSettled", alsoSold, BigInt(OUTCOMES.HOST_ABSENT)],
    ]);
  });
});

describe("starvation", () => {
  // Every slot the first ITEMS auctions can touch is touched for the first time: no item is more expensive. The
  // others make a batch so long that the reports alone are more than any item's floor.
  const ids: bigint[] = [];
  beforeAll(async () => {
    const endTime = chain.nowS + 1_000;
    for (let index = 0; index < LONG_BATCH; index++) {
      const host = chain.person(ITEMS + (index % ITEMS));
      const params = chain.params({ endTime, transferable: true });
      const { logs } = await chain.send(host, "createAuction", [params]);
      const id = BigInt(String(logs[0]?.[1]));
      await chain.bid(id, chain.person(index % ITEMS), 10n ** 18n);
      ids.push(id);
    }
    const last = await chain.create({ endTime: endTime + 10 });
    await chain.send(chain.host, "cancel", [last], { atS: endTime });
  });

  const end: Batch = {
    kind: "end",
    method: "endAuctions",
    args: (batch) => [batch],
    done: "AuctionEnded",
    failure: "AuctionEndFailed",
  };
  const mint: Batch = {
    ...end,
    kind: "mint",
    method: "mintPasses",
    done: "Transfer",
    failure: "PassMintFailed",
  };
  const settle: Batch = {
    kind: "settle",
    method: "settleMeetings",
    args: (batch) => [batch, batch.map(() => OUTCOMES.HELD)],
    done: "MeetingSettled",
    failure: "SettlementFailed",
  };

  // In this order, since each kind works on what the one before made.
  test.each([
    { ...end, size: 1, gas: [24_000, 70_000, 500] },
    { ...end, size: ITEMS, gas: [30_000, 140_000, 1_000] },
    { ...end, size: LONG_BATCH, gas: [60_000, 750_000, 10_000] },
    { ...mint, size: 1, gas: [26_000, 250_000, 3_000] },
    { ...mint, size: ITEMS, gas: [30_000, 800_000, 11_000] },
    { ...settle, size: 1, gas: [26_000, 250_000, 3_000] },
    { ...settle, size: ITEMS, gas: [30_000, 800_000, 11_000] },
  ])(
    "$method of $size with ever more gas: each item is done or starved, nothing else",
    async (batch) => {
      await prepare(batch.kind);
      const chosen = ids.slice(0, batch.size);
      const [from = 0, to = 0, step = 1] = batch.gas;
      let mostDone = -1;
      for (let gas = from; gas <= to; gas += step) {
        const done = await attempt(batch, chosen, BigInt(gas));
        // A whole call may fail only for too little gas to report anything, never once it could.
        expect(done).toBeGreaterThanOrEqual(mostDone);
        if (mostDone === -1 && done >= 0) expect(done).toBe(0);
        mostDone = done;
      }
      expect(mostDone).toBe(batch.size);
      expect(await attempt(batch, chosen, batchGasLimit(batch.kind, batch.size))).toBe(batch.size);
    },
  );

  /** Brings the auctions to where this kind of call has something to do. */
  async function prepare(kind: Batch["kind"]): Promise<void> {
    const { state, minted } = await chain.state(ids[0] ?? 0n);
    const gasLimit = batchGasLimit("mint", LONG_BATCH);
    if (kind !== "end" && state === BigInt(AUCTION_STATES.ACTIVE)) {
      await chain.send(chain.operator, "endAuctions", [ids], { gasLimit });
    }
    if (kind !== "settle" || minted === true) return;
    await chain.send(chain.operator, "mintPasses", [ids], { gasLimit });
    // An approval is one more slot to clear at a burn.
    for (const [index, id] of ids.slice(0, ITEMS).entries()) {
      await chain.sendPass(chain.person(index), "approve", [chain.admin, id]);
    }
  }

  /** How many items one call with this much gas does, -1 if the whole call fails; then takes it back. */
  async function attempt(batch: Batch, chosen: bigint[], gasLimit: bigint): Promise<number> {
    const [snapshot, nowS] = [await chain.provider.send("evm_snapshot", []), chain.nowS];
    try {
      const { logs } = await chain.send(chain.operator, batch.method, batch.args(chosen), {
        gasLimit,
      });
      const reasons = logs.filter(([name]) => name === batch.failure).map((log) => Number(log[2]));
      expect(reasons.filter((reason) => reason !== FAILURE_REASONS.OUT_OF_GAS)).toEqual([]);
      const done = logs.filter(([name]) => name === batch.done).length;
      expect(done + reasons.length).toBe(chosen.length);
      return done;
    } catch (error) {
      if (error instanceof ContractRevert && error.decoded[0] === "no reason") return -1;
      throw error;
    } finally {
      await chain.provider.send("evm_revert", [snapshot]);
      chain.nowS = nowS;
    }
  }
});
