// What must hold after every step, whatever the step was.
import { AUCTION_STATES } from "../../src/chain/contracts.ts";
import type { Snapshot } from "./inspector.ts";
import type { Model } from "./model.ts";

const { ACTIVE, ENDED, CANCELLED, CLOSED } = AUCTION_STATES;

/** Which states may follow which: ended and closed are never left but forward. */
const SUCCESSORS: Record<number, number[]> = {
  [ACTIVE]: [ACTIVE, ENDED, CANCELLED],
  [ENDED]: [ENDED, CLOSED],
  [CANCELLED]: [CANCELLED],
  [CLOSED]: [CLOSED],
};

/** The state is the model's, the winner its last valid bidder. */
export function expectSameAsModel(now: Snapshot, model: Model, accounts: readonly string[]): void {
  expect(now.credits).toEqual(accounts.map((account) => model.credits.get(account) ?? 0n));
  expect(now.auctions).toEqual(
    model.auctions.map((auction) => ({
      state: AUCTION_STATES[auction.state],
      endTime: auction.endTime,
      originalEndTime: auction.originalEndTime,
      highBidder: auction.bids.at(-1)?.bidder,
      highBidWei: auction.bids.at(-1)?.amountWei ?? 0n,
      isMinted: auction.mintCount === 1,
      outcome: auction.outcome,
      passOwner: auction.holder,
    })),
  );
}

/** Solvent to the wei: every coin is a credit, an escrow or a standing bid, and none is counted twice. */
export function expectSolvent({ balanceWei, credits, auctions }: Snapshot): void {
  const held = auctions.filter(({ state }) => state === ACTIVE || state === ENDED);
  const owedWei = [...credits, ...held.map(({ highBidWei }) => highBidWei)];
  expect(balanceWei).toBe(owedWei.reduce((sum, amountWei) => sum + amountWei, 0n));
}

/** No account owns a pass beyond those the auctions know. */
export function expectPassesAccountedFor({ passBalances, auctions }: Snapshot): void {
  const known = auctions.filter(({ passOwner }) => passOwner !== undefined).length;
  expect(passBalances.reduce((sum, balance) => sum + balance, 0n)).toBe(BigInt(known));
}

/** Time only moves forward for an auction too. */
export function expectProgress(before: Snapshot, now: Snapshot, maxExtensionS: number): void {
  for (const [index, then] of before.auctions.entries()) {
    const after = now.auctions[index];
    if (after === undefined) throw new Error(`auction ${index + 1} is gone`);
    expect(SUCCESSORS[then.state]).toContain(after.state);
    expect(after.endTime).toBeGreaterThanOrEqual(then.endTime);
    expect(after.endTime).toBeLessThanOrEqual(after.originalEndTime + maxExtensionS);
    expect(after.originalEndTime).toBe(then.originalEndTime);
    if (then.isMinted) expect(after.isMinted).toBe(true);
    if (then.state !== ACTIVE) {
      const { highBidder, highBidWei, endTime } = then;
      expect(after).toMatchObject({ highBidder, highBidWei, endTime });
    }
  }
}
