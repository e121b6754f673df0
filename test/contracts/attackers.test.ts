import { Interface } from "ethers";
import { FAILURE_REASONS, OUTCOMES, meetingAuctionInterface } from "../../src/chain/contracts.ts";
import { AuctionChain, ContractRevert, expectRevert, readArtifact } from "./harness.ts";
import type { Receipt } from "./harness.ts";

const ACTORS = [
  "PlainActor",
  "RevertingActor",
  "GasBurningActor",
  "ReturnBombActor",
  "ReentrantActor",
];
const reentrantInterface = new Interface(readArtifact("test/ReentrantActor").abi);
const bombInterface = new Interface(readArtifact("test/ReturnBombActor").abi);

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

async function actorBids(actor: string, auctionId: bigint, valueWei: bigint): Promise<Receipt> {
  const data = reentrantInterface.encodeFunctionData("bid", [chain.auction, auctionId]);
  return chain.transact(chain.admin, actor, data, { valueWei });
}

/** Has the actor call the auction contract. */
async function actorCalls(
  actor: string,
  method: string,
  args: unknown[] = [],
  gasLimit?: bigint,
): Promise<Receipt> {
  const call = meetingAuctionInterface.encodeFunctionData(method, args);
  const data = reentrantInterface.encodeFunctionData("execute", [chain.auction, call]);
  return chain.transact(chain.admin, actor, data, gasLimit === undefined ? {} : { gasLimit });
}

test.each(ACTORS)("%s is outbid at the price of anyone else, and owns its credit", async (name) => {
  const costs: bigint[] = [];
  for (const artifact of ["PlainActor", name]) {
    const actor = await chain.deploy(`test/${artifact}`);
    const id = await chain.create();
    await actorBids(actor, id, 1_000n);
    costs.push((await chain.bid(id, chain.person(0), 2_000n)).gasUsed);
    expect(await chain.credits(actor)).toBe(1_000n);
  }
  expect(costs[1]).toBe(costs[0]);
});

test.each(ACTORS)(
  "%s wins: the end, the pass and the refund go through, for its neighbours too",
  async (name) => {
    const actor = await chain.deploy(`test/${name}`);
    const endTime = chain.nowS + 100;
    const ids = [
      await chain.create({ endTime }),
      await chain.create({ endTime }),
      await chain.create({ endTime }),
    ];
    const [before = 0n, won = 0n, after = 0n] = ids;
    await chain.bid(before, chain.person(0), 1_000n);
    await actorBids(actor, won, 1_000n);
    await chain.bid(after, chain.person(1), 1_000n);
    const ended = await chain.send(chain.person(2), "endAuctions", [ids], { atS: endTime });
    expect(ended.logs.map(([event]) => event)).toEqual([
      "AuctionEnded",
      "AuctionEnded",
      "AuctionEnded",
    ]);
    await chain.send(chain.operator, "mintPasses", [ids]);
    expect(await chain.readPass("ownerOf", won)).toBe(actor);
    const settled = await chain.send(chain.operator, "settleMeetings", [
      ids,
      ids.map(() => OUTCOMES.HOST_ABSENT),
    ]);
    expect(settled.logs.filter(([event]) => event === "MeetingSettled")).toHaveLength(3);
    expect(await chain.credits(actor)).toBe(1_000n);
  },
);

test("a host that refuses money is settled like any other, and can send its credit elsewhere", async () => {
  const host = await chain.deploy("test/RevertingActor");
  const params = chain.params();
  await actorCalls(host, "createAuction", [params]);
  const id = BigInt(String(await chain.read("auctionIdOf", host, params.salt)));
  await chain.bid(id, chain.person(0), 10_000n);
  await chain.end(id);
  await chain.send(chain.operator, "settleMeetings", [[id], [OUTCOMES.HELD]]);
  expect(await chain.credits(host)).toBe(9_750n);
  await expectRevert(actorCalls(host, "withdraw"), "WithdrawalFailed", host, host);
  expect(await chain.credits(host)).toBe(9_750n);
  const target = `0x${"cd".repeat(20)}`;
  await actorCalls(host, "withdrawTo", [target]);
  expect(await chain.provider.getBalance(target)).toBe(9_750n);
});

test("a receiver that burns all gas only hurts its own withdrawal", async () => {
  const actor = await credited("GasBurningActor", 1_000n);
  await expect(actorCalls(actor, "withdraw", [], 1_000_000n)).rejects.toThrow(ContractRevert);
  expect(await chain.credits(actor)).toBe(1_000n);
});

test("a receiver's answer of half a megabyte is not copied, as a success or as a failure", async () => {
  // Writing the answer costs the receiver 527,000 gas; a copy of it would cost as much again.
  const gasLimit = 700_000n;
  const actor = await credited("ReturnBombActor", 1_000n);
  await chain.transact(chain.admin, actor, bombInterface.encodeFunctionData("setFails", [true]));
  await expectRevert(actorCalls(actor, "withdraw", [], gasLimit), "WithdrawalFailed", actor, actor);
  await chain.transact(chain.admin, actor, bombInterface.encodeFunctionData("setFails", [false]));
  await actorCalls(actor, "withdraw", [], gasLimit);
  expect(await chain.credits(actor)).toBe(0n);
});

test("a receiver that calls back gets its money once, and none of anyone else's", async () => {
  const actor = await credited("ReentrantActor", 1_000n);
  const open = await chain.create({ reservePriceWei: 1n, endTime: chain.nowS + 5_000 });
  const encode = (method: string, ...args: unknown[]) =>
    meetingAuctionInterface.encodeFunctionData(method, args);
  const calls = [
    encode("bid", open),
    encode("withdraw"),
    encode("withdrawTo", chain.person(5)),
    encode("burnForMeeting", open),
    encode("release", open),
    encode("mintPasses", [open]),
    encode("endAuctions", [open]),
  ];
  await chain.transact(
    chain.admin,
    actor,
    reentrantInterface.encodeFunctionData("prepare", [calls, 400n]),
  );
  const before = await chain.provider.getBalance(chain.auction);
  const { logs } = await actorCalls(actor, "withdraw");
  const [score] = reentrantInterface.decodeFunctionResult(
    "score",
    await chain.provider.call({ to: actor, data: reentrantInterface.encodeFunctionData("score") }),
  );
  // Only the end goes through, which anyone may call and which moves nothing.
  expect([...score]).toEqual([false, false, false, false, false, false, true]);
  expect(logs.filter(([event]) => event === "Withdrawn")).toHaveLength(1);
  expect(before - (await chain.provider.getBalance(chain.auction))).toBe(1_000n);
  expect(logs).toContainEqual(["AuctionEndFailed", open, BigInt(FAILURE_REASONS.NOT_YET_ENDED)]);
});

/** An actor that was outbid, and is owed this much. */
async function credited(artifact: string, amountWei: bigint): Promise<string> {
  const actor = await chain.deploy(`test/${artifact}`);
  const id = await chain.create();
  await actorBids(actor, id, amountWei);
  await chain.bid(id, chain.person(0), amountWei * 2n);
  return actor;
}
