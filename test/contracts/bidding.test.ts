import { ZeroAddress } from "ethers";
import { AUCTION_STATES, FAILURE_REASONS } from "../../src/chain/contracts.ts";
import { AuctionChain, DURATION_S, RESERVE_WEI, expectRevert } from "./harness.ts";

const TIME_BUFFER_S = 6;
const MAX_EXTENSION_S = 18;
const DAY_S = 86_400;

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

describe("createAuction", () => {
  test("counts ids from 1 and announces every term", async () => {
    const before = Number(await chain.read("auctionCount"));
    const params = chain.params({ transferable: true });
    const { logs, timestampS } = await chain.send(chain.host, "createAuction", [params]);
    const id = BigInt(before + 1);
    expect(logs).toEqual([
      [
        "AuctionCreated",
        id,
        chain.host,
        params.salt,
        BigInt(timestampS),
        BigInt(params.endTime),
        BigInt(params.meetingStart),
        600n,
        RESERVE_WEI,
        10n,
        250n,
        true,
      ],
    ]);
    expect(await chain.read("auctionIdOf", chain.host, params.salt)).toBe(id);
    expect(await chain.state(id)).toEqual({
      state: BigInt(AUCTION_STATES.ACTIVE),
      host: chain.host,
      startTime: BigInt(timestampS),
      endTime: BigInt(params.endTime),
      originalEndTime: BigInt(params.endTime),
      meetingStart: BigInt(params.meetingStart),
      meetingDurationS: 600n,
      reservePriceWei: RESERVE_WEI,
      minIncrementWei: 10n,
      highBidder: ZeroAddress,
      highBidWei: 0n,
      feeBps: 250n,
      transferable: true,
      minted: false,
      outcome: 0n,
    });
  });

  test("the same salt makes one auction per host", async () => {
    const params = chain.params();
    await chain.send(chain.host, "createAuction", [params]);
    const id = await chain.read("auctionIdOf", chain.host, params.salt);
    await expectRevert(chain.send(chain.host, "createAuction", [params]), "AuctionExists", id);
    await chain.send(chain.person(0), "createAuction", [params]);
    expect(await chain.read("auctionIdOf", chain.person(0), params.salt)).not.toBe(id);
  });

  test("a start already past means now; one to come keeps bids out until then", async () => {
    const past = await chain.create({ startTime: chain.nowS - 1_000 });
    expect((await chain.state(past))["startTime"]).toBe(BigInt(chain.nowS));

    const startTime = chain.nowS + 50;
    const later = await chain.create({ startTime, endTime: startTime + DURATION_S });
    const tooEarly = chain.bid(later, chain.person(0), RESERVE_WEI, startTime - 1);
    await expectRevert(tooEarly, "NotYetStarted", later, BigInt(startTime));
    await chain.bid(later, chain.person(0), RESERVE_WEI, startTime);
  });

  test("refuses a bidding time outside the limits", async () => {
    const at = (durationS: number) => {
      const endTime = chain.nowS + 1 + durationS;
      return chain.create({ endTime });
    };
    await expectRevert(at(4), "InvalidBiddingDuration", 4n, 5n, BigInt(30 * DAY_S));
    await expectRevert(at(-1), "InvalidBiddingDuration", 0n, 5n, BigInt(30 * DAY_S));
    await expectRevert(
      at(30 * DAY_S + 1),
      "InvalidBiddingDuration",
      BigInt(30 * DAY_S + 1),
      5n,
      BigInt(30 * DAY_S),
    );
    await at(5);
    await at(30 * DAY_S);
  });

  test("refuses a start more than a year away", async () => {
    const at = (delayS: number) => {
      const startTime = chain.nowS + 1 + delayS;
      return chain.create({ startTime, endTime: startTime + DURATION_S });
    };
    const latest = 366 * DAY_S;
    await expectRevert(
      at(latest + 1),
      "InvalidStartTime",
      BigInt(chain.nowS + 1 + latest + 1),
      BigInt(chain.nowS + 1 + latest),
    );
    await at(latest);
  });

  test("refuses a meeting before the end, without length, or beyond reach", async () => {
    const endTime = chain.nowS + 1 + DURATION_S;
    const at = (meetingStart: number, meetingDurationS: number) =>
      expectRevert(
        chain.create({ endTime, meetingStart, meetingDurationS }),
        "InvalidMeetingTime",
        BigInt(meetingStart),
        BigInt(meetingDurationS),
      );
    await at(endTime - 1, 600);
    await at(endTime, 0);
    await at(endTime, 31 * DAY_S + 1);
    await at(endTime + 366 * DAY_S + 1, 600);
    await chain.create({ endTime, meetingStart: endTime });
  });
});

describe("bid", () => {
  test("the first needs the reserve, and something even without one", async () => {
    const id = await chain.create();
    expect(await chain.read("minimumBidWei", id)).toBe(RESERVE_WEI);
    await expectRevert(
      chain.bid(id, chain.person(0), RESERVE_WEI - 1n),
      "BidTooLow",
      id,
      RESERVE_WEI,
    );
    const { logs } = await chain.bid(id, chain.person(0), RESERVE_WEI);
    expect(logs).toEqual([
      ["BidPlaced", id, chain.person(0), RESERVE_WEI, (await chain.state(id))["endTime"]],
    ]);

    const free = await chain.create({ reservePriceWei: 0n });
    await expectRevert(chain.bid(free, chain.person(0), 0n), "BidTooLow", free, 1n);
    await chain.bid(free, chain.person(0), 1n);
  });

  test("every other needs the greater of both increments, and always one wei more", async () => {
    const fixed = await chain.create({ minIncrementWei: 70n });
    await chain.bid(fixed, chain.person(0), RESERVE_WEI);
    await expectRevert(
      chain.bid(fixed, chain.person(1), RESERVE_WEI + 69n),
      "BidTooLow",
      fixed,
      RESERVE_WEI + 70n,
    );
    await chain.bid(fixed, chain.person(1), RESERVE_WEI + 70n);

    const relative = await chain.create({ minIncrementWei: 10n });
    await chain.bid(relative, chain.person(0), RESERVE_WEI);
    await expectRevert(chain.bid(relative, chain.person(1), 1_049n), "BidTooLow", relative, 1_050n);
    await chain.bid(relative, chain.person(1), 1_050n);

    const none = await chain.create({ reservePriceWei: 1n, minIncrementWei: 0n });
    await chain.bid(none, chain.person(0), 3n);
    await expectRevert(chain.bid(none, chain.person(1), 3n), "BidTooLow", none, 4n);
  });

  test("the outbid are credited once, also by themselves, and never keep the bid", async () => {
    const id = await chain.create();
    const [first, second] = [chain.person(3), chain.person(4)];
    await chain.bid(id, first, 1_000n);
    await chain.bid(id, first, 2_000n);
    expect(await chain.credits(first)).toBe(1_000n);
    await chain.bid(id, second, 3_000n);
    expect(await chain.credits(first)).toBe(3_000n);
    expect(await chain.credits(second)).toBe(0n);
    await chain.send(first, "withdraw");
    expect(await chain.credits(first)).toBe(0n);
    await expectRevert(chain.send(first, "withdraw"), "NothingToWithdraw", first);
  });

  test("refuses the host, the unknown, the cancelled, the over and the ended", async () => {
    const id = await chain.create();
    const bidder = chain.person(0);
    await expectRevert(chain.bid(id, chain.host, RESERVE_WEI), "HostCannotBid", id);
    await expectRevert(chain.bid(999_999n, bidder, RESERVE_WEI), "UnknownAuction", 999_999n);
    const { endTime } = await chain.state(id);
    await expectRevert(
      chain.bid(id, bidder, RESERVE_WEI, Number(endTime)),
      "BiddingClosed",
      id,
      endTime,
    );
    await chain.end(id);
    await expectRevert(chain.bid(id, bidder, RESERVE_WEI), "AlreadyEnded", id);

    const cancelled = await chain.create();
    await chain.send(chain.host, "cancel", [cancelled]);
    await expectRevert(chain.bid(cancelled, bidder, RESERVE_WEI), "AlreadyCancelled", cancelled);
  });
});

describe("extension", () => {
  test("starts only inside the buffer, and adds up to the cap and no further", async () => {
    const id = await chain.create();
    const originalEnd = Number((await chain.state(id))["endTime"]);
    const bidAt = async (atS: number) => {
      const minimumWei = BigInt(String(await chain.read("minimumBidWei", id)));
      const { logs } = await chain.bid(id, chain.person(0), minimumWei, atS);
      return Number(logs[0]?.[4]) - originalEnd;
    };
    expect(await bidAt(originalEnd - TIME_BUFFER_S - 1)).toBe(0);
    expect(await bidAt(originalEnd - TIME_BUFFER_S)).toBe(0);
    expect(await bidAt(originalEnd - 1)).toBe(5);
    expect(await bidAt(originalEnd + 4)).toBe(10);
    expect(await bidAt(originalEnd + 9)).toBe(15);
    expect(await bidAt(originalEnd + 14)).toBe(MAX_EXTENSION_S);
    expect(await bidAt(originalEnd + 17)).toBe(MAX_EXTENSION_S);
    expect(await chain.state(id)).toMatchObject({
      endTime: BigInt(originalEnd + MAX_EXTENSION_S),
      originalEndTime: BigInt(originalEnd),
    });
    const late = chain.bid(id, chain.person(1), 10n ** 9n, originalEnd + MAX_EXTENSION_S);
    await expectRevert(late, "BiddingClosed", id, BigInt(originalEnd + MAX_EXTENSION_S));
  });
});

describe("cancel", () => {
  test("is for the host, before any bid, once", async () => {
    const id = await chain.create();
    await expectRevert(chain.send(chain.person(0), "cancel", [id]), "NotHost", id, chain.person(0));
    const { logs } = await chain.send(chain.host, "cancel", [id]);
    expect(logs).toEqual([["AuctionCancelled", id]]);
    await expectRevert(chain.send(chain.host, "cancel", [id]), "AlreadyCancelled", id);
    await expectRevert(chain.send(chain.host, "cancel", [999_999n]), "UnknownAuction", 999_999n);

    const wanted = await chain.create();
    await chain.bid(wanted, chain.person(0), RESERVE_WEI);
    await expectRevert(chain.send(chain.host, "cancel", [wanted]), "HasBids", wanted);
    await chain.end(wanted);
    await expectRevert(chain.send(chain.host, "cancel", [wanted]), "AlreadyEnded", wanted);
  });
});

describe("ending", () => {
  test("is possible from the end time on, by anyone, once", async () => {
    const id = await chain.create();
    await chain.bid(id, chain.person(0), 5_000n);
    const endTime = Number((await chain.state(id))["endTime"]);
    const stranger = chain.person(5);
    const early = await chain.send(stranger, "endAuctions", [[id]], { atS: endTime - 1 });
    expect(early.logs).toEqual([["AuctionEndFailed", id, BigInt(FAILURE_REASONS.NOT_YET_ENDED)]]);
    const onTime = await chain.send(stranger, "endAuctions", [[id]], { atS: endTime });
    expect(onTime.logs).toEqual([["AuctionEnded", id, chain.person(0), 5_000n]]);
    const again = await chain.send(stranger, "endAuctions", [[id]]);
    expect(again.logs).toEqual([["AuctionEndFailed", id, BigInt(FAILURE_REASONS.ALREADY_ENDED)]]);
  });

  test("without a bid there is no winner, and that is final", async () => {
    const id = await chain.create();
    expect((await chain.end(id)).logs).toEqual([["AuctionEnded", id, ZeroAddress, 0n]]);
    expect((await chain.state(id))["state"]).toBe(BigInt(AUCTION_STATES.ENDED));
  });

  test("endable tells beforehand, by the time of the newest block", async () => {
    const over = await chain.create();
    await chain.create();
    const endTime = Number((await chain.state(over))["endTime"]);
    const open = await chain.create({ endTime: endTime + 1_000 });
    const cancelled = await chain.create({ endTime });
    await chain.send(chain.host, "cancel", [cancelled], { atS: endTime });
    const ids = [over, open, cancelled, 999_999n];
    expect(await chain.read("endable", ids)).toEqual([true, false, false, false]);
    await chain.end(over);
    expect(await chain.read("endable", [over])).toEqual([false]);
  });
});

test("reads of an unknown auction: all zero where a state is asked, an error where a number would lie", async () => {
  expect(await chain.state(999_999n)).toMatchObject({ state: 0n, host: ZeroAddress, endTime: 0n });
  await expect(chain.read("minimumBidWei", 999_999n)).rejects.toThrow();
  await expect(chain.read("releasableAt", 999_999n)).rejects.toThrow();
});
