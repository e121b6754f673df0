// Every item of a batch stands alone: bad ones are reported with their reason, good ones happen.
import { FAILURE_REASONS, OUTCOMES, batchGasLimit } from "../../src/chain/contracts.ts";
import { AuctionChain, RESERVE_WEI } from "./harness.ts";
import type { Decoded, Receipt } from "./harness.ts";

const UNKNOWN_ID = 999_999n;
const ITEMS = 6;

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
  // Every storage slot an item can touch is touched for the first time: no batch is more expensive than this.
  const ids: bigint[] = [];
  const hostOf = (index: number) => chain.person(ITEMS + index);
  beforeAll(async () => {
    const endTime = chain.nowS + 100;
    for (let index = 0; index < ITEMS; index++) {
      const { logs } = await chain.send(hostOf(index), "createAuction", [
        chain.params({ endTime, transferable: true }),
      ]);
      const id = BigInt(String(logs[0]?.[1]));
      await chain.bid(id, chain.person(index), 10n ** 18n);
      ids.push(id);
    }
    await chain.send(chain.host, "cancel", [await chain.create({ endTime: endTime + 10 })], {
      atS: endTime,
    });
  });

  const batches = [
    {
      kind: "end",
      method: "endAuctions",
      args: () => [ids],
      done: "AuctionEnded",
      failure: "AuctionEndFailed",
      gas: { from: 30_000, to: 140_000, step: 1_000 },
    },
    {
      kind: "mint",
      method: "mintPasses",
      args: () => [ids],
      done: "Transfer",
      failure: "PassMintFailed",
      gas: { from: 30_000, to: 800_000, step: 11_000 },
    },
    {
      kind: "settle",
      method: "settleMeetings",
      args: () => [ids, ids.map(() => OUTCOMES.HELD)],
      done: "MeetingSettled",
      failure: "SettlementFailed",
      gas: { from: 30_000, to: 800_000, step: 11_000 },
    },
  ] as const;

  // In this order, since each works on what the one before made.
  test.each(batches)(
    "$method with ever more gas: each item is done or reported as starved, nothing else",
    async (batch) => {
      let mostDone = -1;
      for (let gas: number = batch.gas.from; gas <= batch.gas.to; gas += batch.gas.step) {
        const doneCount = await attempt(batch, BigInt(gas));
        // A whole call may fail only for too little gas to report anything, never once it could.
        expect(doneCount).toBeGreaterThanOrEqual(mostDone);
        if (mostDone === -1 && doneCount >= 0) expect(doneCount).toBe(0);
        mostDone = doneCount;
      }
      expect(mostDone).toBe(ITEMS);

      if (batch.kind === "settle") await approveAll();
      const { logs } = await chain.send(chain.operator, batch.method, batch.args(), {
        gasLimit: batchGasLimit(batch.kind, ITEMS),
      });
      expect(logs.filter(([name]) => name === batch.done)).toHaveLength(ITEMS);
    },
  );

  /** How many items one call with this much gas does, -1 if the whole call fails; then takes it back. */
  async function attempt(batch: (typeof batches)[number], gasLimit: bigint): Promise<number> {
    const [snapshot, nowS] = [await chain.provider.send("evm_snapshot", []), chain.nowS];
    try {
      const { logs } = await chain.send(chain.operator, batch.method, batch.args(), { gasLimit });
      const reasons = logs.filter(([name]) => name === batch.failure).map((log) => Number(log[2]));
      expect(reasons.filter((reason) => reason !== FAILURE_REASONS.OUT_OF_GAS)).toEqual([]);
      const done = logs.filter(([name]) => name === batch.done).length;
      expect(done + reasons.length).toBe(ITEMS);
      return done;
    } catch (error) {
      if (error instanceof Error && error.message.includes("no reason")) return -1;
      throw error;
    } finally {
      await chain.provider.send("evm_revert", [snapshot]);
      chain.nowS = nowS;
    }
  }

  /** An approval is one more slot to clear at a burn. */
  async function approveAll(): Promise<void> {
    for (const [index, id] of ids.entries())
      await chain.sendPass(chain.person(index), "approve", [chain.admin, id]);
  }
});
