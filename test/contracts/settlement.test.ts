import { AUCTION_STATES, FAILURE_REASONS, OUTCOMES } from "../../src/chain/contracts.ts";
import { ZeroAddress } from "ethers";
import { AuctionChain, RESERVE_WEI, expectRevert } from "./harness.ts";
import type { CreateParams, Receipt } from "./harness.ts";

const GRACE_S = 7 * 86_400;
/** Chosen so that the 2.5 % fee does not come out even: 10,001 × 250 / 10,000 = 250.025. */
const AMOUNT_WEI = 10_001n;
const FEE_WEI = 250n;

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

const mint = (...ids: bigint[]): Promise<Receipt> =>
  chain.send(chain.operator, "mintPasses", [ids]);
const settle = (id: bigint, outcome: number): Promise<Receipt> =>
  chain.send(chain.operator, "settleMeetings", [[id], [outcome]]);

/** What each of these accounts gained in credits while `act` ran. */
async function gains(accounts: readonly string[], act: () => Promise<unknown>): Promise<bigint[]> {
  const before = await Promise.all(accounts.map((account) => chain.credits(account)));
  await act();
  const after = await Promise.all(accounts.map((account) => chain.credits(account)));
  return after.map((amountWei, index) => amountWei - (before[index] ?? 0n));
}

async function soldAndMinted(
  winner: string,
  overrides: Partial<CreateParams> = {},
): Promise<bigint> {
  const id = await chain.sold(winner, AMOUNT_WEI, overrides);
  await mint(id);
  return id;
}

describe("mintPasses", () => {
  test("gives the winner the token with the auction's id, once and for all", async () => {
    const winner = chain.person(0);
    const id = await chain.sold(winner, AMOUNT_WEI);
    expect((await mint(id)).logs).toEqual([
      ["Transfer", ZeroAddress, winner, id],
      ["Locked", id],
    ]);
    expect(await chain.readPass("ownerOf", id)).toBe(winner);
    expect((await chain.state(id))["minted"]).toBe(true);
    const again = ["PassMintFailed", id, BigInt(FAILURE_REASONS.ALREADY_MINTED)];
    expect((await mint(id)).logs).toEqual([again]);

    // Burned, the token id is free again in ERC-721 terms, yet there is no second pass.
    const { meetingStart } = await chain.state(id);
    await chain.send(winner, "burnForMeeting", [id], { atS: Number(meetingStart) });
    expect((await mint(id)).logs).toEqual([again]);
    await settle(id, OUTCOMES.HELD);
    expect((await mint(id)).logs).toEqual([again]);
  });
});

describe("settleMeetings", () => {
  test.each([OUTCOMES.HELD, OUTCOMES.WINNER_ABSENT])(
    "outcome %i pays the host, less the fee",
    async (outcome) => {
      const winner = chain.person(0);
      const id = await soldAndMinted(winner);
      let logs: Receipt["logs"] = [];
      const gained = await gains([chain.host, chain.feeRecipient, winner], async () => {
        ({ logs } = await settle(id, outcome));
      });
      expect(gained).toEqual([AMOUNT_WEI - FEE_WEI, FEE_WEI, 0n]);
      expect(logs).toEqual([
        ["Transfer", winner, ZeroAddress, id],
        ["NFTBurnedForMeeting", id, id, winner],
        ["MeetingSettled", id, BigInt(outcome), AMOUNT_WEI - FEE_WEI, 0n, FEE_WEI],
      ]);
      expect(await chain.state(id)).toMatchObject({
        state: BigInt(AUCTION_STATES.CLOSED),
        outcome: BigInt(outcome),
      });
      await expect(chain.readPass("ownerOf", id)).rejects.toThrow();
      expect((await settle(id, OUTCOMES.HOST_ABSENT)).logs).toEqual([
        ["SettlementFailed", id, BigInt(FAILURE_REASONS.ALREADY_SETTLED)],
      ]);
    },
  );

  test("an absent host: the winner without a pass gets all of it back", async () => {
    const winner = chain.person(1);
    const id = await chain.sold(winner, AMOUNT_WEI);
    const gained = await gains([winner, chain.host, chain.feeRecipient], async () => {
      const { logs } = await settle(id, OUTCOMES.HOST_ABSENT);
      expect(logs).toEqual([
        ["MeetingSettled", id, BigInt(OUTCOMES.HOST_ABSENT), 0n, AMOUNT_WEI, 0n],
      ]);
    });
    expect(gained).toEqual([AMOUNT_WEI, 0n, 0n]);
    expect((await mint(id)).logs).toEqual([
      ["PassMintFailed", id, BigInt(FAILURE_REASONS.ALREADY_SETTLED)],
    ]);
  });

  test("an absent host: the refund follows the pass to its buyer, and to who burned it", async () => {
    const [winner, buyer] = [chain.person(1), chain.person(2)];
    for (const isBurned of [false, true]) {
      const id = await soldAndMinted(winner, { transferable: true });
      await chain.sendPass(winner, "transferFrom", [winner, buyer, id]);
      if (isBurned) {
        const { meetingStart } = await chain.state(id);
        await chain.send(buyer, "burnForMeeting", [id], { atS: Number(meetingStart) });
      }
      const gained = await gains([buyer, winner], () => settle(id, OUTCOMES.HOST_ABSENT));
      expect(gained).toEqual([AMOUNT_WEI, 0n]);
    }
  });

  test("two lists of different length are a mistake of the caller, not of an item", async () => {
    const mismatched = chain.send(chain.operator, "settleMeetings", [[1n, 2n], [1]]);
    await expectRevert(mismatched, "LengthMismatch", 2n, 1n);
  });
});

describe("burnForMeeting", () => {
  test("is for the pass owner, once the meeting has started", async () => {
    const [winner, stranger] = [chain.person(0), chain.person(1)];
    const id = await soldAndMinted(winner);
    const meetingStart = Number((await chain.state(id))["meetingStart"]);
    const early = chain.send(winner, "burnForMeeting", [id], { atS: meetingStart - 1 });
    await expectRevert(early, "MeetingNotStarted", id, BigInt(meetingStart));
    await expectRevert(chain.send(stranger, "burnForMeeting", [id]), "NotPassOwner", id, stranger);
    const { logs } = await chain.send(winner, "burnForMeeting", [id]);
    expect(logs).toEqual([
      ["Transfer", winner, ZeroAddress, id],
      ["NFTBurnedForMeeting", id, id, winner],
    ]);
    await expectRevert(chain.send(winner, "burnForMeeting", [id]), "NoPass", id);
    const { logs: settled } = await settle(id, OUTCOMES.HELD);
    expect(settled.map(([name]) => name)).toEqual(["MeetingSettled"]);
  });

  test("needs a pass", async () => {
    const id = await chain.sold(chain.person(0), AMOUNT_WEI);
    await expectRevert(chain.send(chain.person(0), "burnForMeeting", [id]), "NoPass", id);
    await expectRevert(
      chain.send(chain.person(0), "burnForMeeting", [999_999n]),
      "UnknownAuction",
      999_999n,
    );
  });
});

describe("release", () => {
  test("pays the host of a meeting nobody settled, for anyone who asks, and burns the pass", async () => {
    const winner = chain.person(0);
    const id = await soldAndMinted(winner);
    const availableAt = Number((await chain.state(id))["meetingStart"]) + 600 + GRACE_S;
    expect(await chain.read("releasableAt", id)).toBe(BigInt(availableAt));
    const early = chain.send(chain.person(5), "release", [id], { atS: availableAt - 1 });
    await expectRevert(early, "ReleaseTooEarly", id, BigInt(availableAt));
    const gained = await gains([chain.host, chain.feeRecipient], async () => {
      const { logs } = await chain.send(chain.person(5), "release", [id], { atS: availableAt });
      expect(logs).toEqual([
        ["Transfer", winner, ZeroAddress, id],
        ["NFTBurnedForMeeting", id, id, winner],
        ["MeetingSettled", id, BigInt(OUTCOMES.RELEASED), AMOUNT_WEI - FEE_WEI, 0n, FEE_WEI],
      ]);
    });
    expect(gained).toEqual([AMOUNT_WEI - FEE_WEI, FEE_WEI]);
    await expectRevert(chain.send(chain.person(5), "release", [id]), "AlreadySettled", id);
    const { logs } = await settle(id, OUTCOMES.HOST_ABSENT);
    expect(logs).toEqual([["SettlementFailed", id, BigInt(FAILURE_REASONS.ALREADY_SETTLED)]]);
  });

  test("works without a pass and after its holder burned it", async () => {
    const unminted = await chain.sold(chain.person(0), AMOUNT_WEI);
    const burned = await soldAndMinted(chain.person(0));
    await chain.send(chain.person(0), "burnForMeeting", [burned], {
      atS: Number((await chain.state(burned))["meetingStart"]),
    });
    for (const id of [unminted, burned]) {
      const atS = Math.max(Number(await chain.read("releasableAt", id)), chain.nowS + 1);
      const { logs } = await chain.send(chain.host, "release", [id], { atS });
      expect(logs.map(([name]) => name)).toEqual(["MeetingSettled"]);
    }
  });

  test("counts from the end, should extensions have moved it past the meeting", async () => {
    const endTime = chain.nowS + 101;
    const id = await chain.create({ endTime, meetingStart: endTime, meetingDurationS: 1 });
    await chain.bid(id, chain.person(0), AMOUNT_WEI, endTime - 1);
    expect(await chain.read("releasableAt", id)).toBe(BigInt(endTime + 5 + 1 + GRACE_S));
  });

  test("refuses what holds no money", async () => {
    const release = (id: bigint) => chain.send(chain.host, "release", [id]);
    await expectRevert(release(999_999n), "UnknownAuction", 999_999n);
    const open = await chain.create();
    await chain.bid(open, chain.person(0), RESERVE_WEI);
    await expectRevert(release(open), "NotEnded", open);
    const cancelled = await chain.create();
    await chain.send(chain.host, "cancel", [cancelled]);
    await expectRevert(release(cancelled), "AlreadyCancelled", cancelled);
    const unsold = await chain.create();
    await chain.end(unsold);
    await expectRevert(release(unsold), "NotSold", unsold);
  });
});

describe("withdrawing", () => {
  test("to another address, never to none", async () => {
    const [bidder, target] = [chain.person(4), `0x${"ab".repeat(20)}`];
    const id = await chain.create();
    await chain.bid(id, bidder, 4_000n);
    await chain.bid(id, chain.person(3), 5_000n);
    await expectRevert(
      chain.send(bidder, "withdrawTo", [ZeroAddress]),
      "InvalidRecipient",
      ZeroAddress,
    );
    const { logs } = await chain.send(bidder, "withdrawTo", [target]);
    expect(logs.map(([name, account, , amountWei]) => [name, account, amountWei])).toEqual([
      ["Withdrawn", bidder, 4_000n],
    ]);
    expect(await chain.provider.getBalance(target)).toBe(4_000n);
  });
});
