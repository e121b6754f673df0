import { ZeroAddress, id as keccakId, ZeroHash } from "ethers";
import { OUTCOMES } from "../../src/chain/contracts.ts";
import { latestTimestamp } from "../support/anvil.ts";
import { AuctionChain, RESERVE_WEI, expectRevert } from "./harness.ts";

const OPERATOR_ROLE = keccakId("OPERATOR_ROLE");
const PAUSER_ROLE = keccakId("PAUSER_ROLE");
const DAY_S = 86_400;

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

describe("roles", () => {
  test("minting and settling are the operators', and being admin is not enough", async () => {
    const id = await chain.sold(chain.person(0), RESERVE_WEI);
    for (const caller of [chain.admin, chain.host, chain.person(0)]) {
      const refusal = ["AccessControlUnauthorizedAccount", caller, OPERATOR_ROLE] as const;
      await expectRevert(chain.send(caller, "mintPasses", [[id]]), ...refusal);
      await expectRevert(chain.send(caller, "settleMeetings", [[id], [OUTCOMES.HELD]]), ...refusal);
    }
    await chain.send(chain.operator, "mintPasses", [[id]]);
  });

  test("an operator neither pauses, nor changes the fee, nor makes operators", async () => {
    const { operator } = chain;
    await expectRevert(
      chain.send(operator, "pause"),
      "AccessControlUnauthorizedAccount",
      operator,
      PAUSER_ROLE,
    );
    const refusal = ["AccessControlUnauthorizedAccount", operator, ZeroHash] as const;
    await expectRevert(chain.send(operator, "setFee", [0, operator]), ...refusal);
    await expectRevert(chain.send(operator, "grantRole", [OPERATOR_ROLE, operator]), ...refusal);
  });

  test("a new admin takes a day's notice and must accept", async () => {
    const next = chain.person(0);
    await expectRevert(
      chain.send(chain.admin, "grantRole", [ZeroHash, next]),
      "AccessControlEnforcedDefaultAdminRules",
    );
    const { timestampS } = await chain.send(chain.admin, "beginDefaultAdminTransfer", [next]);
    const early = chain.send(next, "acceptDefaultAdminTransfer", [], { atS: timestampS + DAY_S });
    await expectRevert(early, "AccessControlEnforcedDefaultAdminDelay", BigInt(timestampS + DAY_S));
    await chain.send(chain.admin, "cancelDefaultAdminTransfer");
    expect(await chain.read("defaultAdmin")).toBe(chain.admin);
  });
});

describe("pause", () => {
  afterEach(() => chain.send(chain.admin, "unpause"));

  test("stops creation and bidding, and nothing that moves money out", async () => {
    const [winner, outbid] = [chain.person(0), chain.person(1)];
    const sold = await chain.create();
    const open = await chain.create({ endTime: chain.nowS + 10_000 });
    const empty = await chain.create();
    await chain.bid(sold, outbid, RESERVE_WEI);
    await chain.bid(sold, winner, RESERVE_WEI * 2n);
    await chain.send(chain.admin, "pause");

    await expectRevert(chain.create(), "EnforcedPause");
    await expectRevert(chain.bid(open, winner, RESERVE_WEI), "EnforcedPause");
    await chain.send(chain.host, "cancel", [empty]);
    await chain.send(outbid, "withdraw");
    expect((await chain.end(sold)).logs).toEqual([
      ["AuctionEnded", sold, winner, RESERVE_WEI * 2n],
    ]);
    await chain.send(chain.operator, "mintPasses", [[sold]]);
    await chain.send(winner, "burnForMeeting", [sold], {
      atS: Number((await chain.state(sold))["meetingStart"]),
    });
    await chain.send(chain.operator, "settleMeetings", [[sold], [OUTCOMES.HELD]]);
    await chain.send(chain.host, "withdraw");
  });

  test("does not stop a release", async () => {
    const id = await chain.sold(chain.person(0), RESERVE_WEI);
    await chain.send(chain.admin, "pause");
    await chain.send(chain.person(5), "release", [id], {
      atS: Number(await chain.read("releasableAt", id)),
    });
  });
});

describe("fee", () => {
  test("a change is for auctions to come; fees still owed go to the new recipient", async () => {
    const before = await chain.sold(chain.person(0), 10_000n);
    const recipient = chain.person(5);
    const { logs } = await chain.send(chain.admin, "setFee", [1_000, recipient]);
    expect(logs).toEqual([["FeeChanged", 1_000n, recipient]]);
    const after = await chain.sold(chain.person(0), 10_000n);
    const settle = (id: bigint) =>
      chain.send(chain.operator, "settleMeetings", [[id], [OUTCOMES.HELD]]);
    expect((await settle(before)).logs.at(-1)?.slice(3)).toEqual([9_750n, 0n, 250n]);
    expect((await settle(after)).logs.at(-1)?.slice(3)).toEqual([9_000n, 0n, 1_000n]);
    expect(await chain.credits(recipient)).toBe(1_250n);
    await chain.send(chain.admin, "setFee", [250, chain.feeRecipient]);
  });

  test("is at most 10 % and always has a recipient", async () => {
    await expectRevert(
      chain.send(chain.admin, "setFee", [1_001, chain.feeRecipient]),
      "InvalidConfig",
    );
    await expectRevert(chain.send(chain.admin, "setFee", [250, ZeroAddress]), "InvalidConfig");
  });
});

describe("deployment", () => {
  const config = {
    timeBufferS: 6,
    maxExtensionS: 18,
    minDurationS: 5,
    maxDurationS: 100,
    releaseGraceS: 50,
    feeBps: 0,
    feeRecipient: `0x${"11".repeat(20)}`,
    minIncrementBps: 0,
  };

  test.each([
    { minDurationS: 0 },
    { minDurationS: 101 },
    { feeBps: 1_001 },
    { feeRecipient: ZeroAddress },
    { minIncrementBps: 10_001 },
  ])("refuses %p", async (wrong) => {
    await expectRevert(
      chain.deploy("MeetingAuction", { ...config, ...wrong }, chain.admin),
      "InvalidConfig",
    );
  });

  test("shows its rules", async () => {
    expect(await chain.read("config")).toEqual([
      6n,
      18n,
      5n,
      BigInt(30 * DAY_S),
      604_800n,
      250n,
      chain.feeRecipient,
      500n,
    ]);
    expect(await chain.read("hasRole", OPERATOR_ROLE, chain.operator)).toBe(true);
    expect(await chain.read("hasRole", PAUSER_ROLE, chain.admin)).toBe(true);
    expect(await chain.read("owner")).toBe(chain.admin);
    expect(await latestTimestamp(chain.provider)).toBe(chain.nowS);
  });

  test("takes ether only as a bid", async () => {
    const gift = chain.transact(chain.admin, chain.auction, "0x", { valueWei: 1n });
    await expectRevert(gift, "no reason");
  });
});
