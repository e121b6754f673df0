import { FAILURE_REASONS, OUTCOMES } from "../../src/chain/contracts.ts";
import { AbiCoder, ZeroAddress, keccak256, zeroPadValue } from "ethers";
import { AuctionChain, expectRevert } from "./harness.ts";

let chain: AuctionChain;
let lockedId: bigint;
let transferableId: bigint;
beforeAll(async () => {
  chain = await AuctionChain.start();
  lockedId = await chain.sold(chain.person(0), 5_000n);
  transferableId = await chain.sold(chain.person(0), 5_000n, { transferable: true });
  await chain.send(chain.operator, "mintPasses", [[lockedId, transferableId]]);
});
afterAll(() => chain.stop());

test("says which standards it speaks, and who made it", async () => {
  const supports = (interfaceId: string) => chain.readPass("supportsInterface", interfaceId);
  expect(await supports("0x01ffc9a7")).toBe(true); // ERC-165
  expect(await supports("0x80ac58cd")).toBe(true); // ERC-721
  expect(await supports("0xb45a3c0e")).toBe(true); // EIP-5192
  expect(await supports("0xffffffff")).toBe(false);
  expect(await chain.readPass("auction")).toBe(chain.auction);
  expect(await chain.read("pass")).toBe(chain.pass);
});

test("nobody but the auction mints or burns, whatever their role", async () => {
  for (const caller of [chain.admin, chain.operator, chain.person(0)]) {
    await expectRevert(
      chain.sendPass(caller, "mint", [caller, 999n, true]),
      "NotTheAuction",
      caller,
    );
    await expectRevert(chain.sendPass(caller, "burn", [transferableId]), "NotTheAuction", caller);
  }
});

test("a locked pass stays where it is, also for those its owner approved", async () => {
  const [owner, other] = [chain.person(0), chain.person(1)];
  expect(await chain.readPass("locked", lockedId)).toBe(true);
  await expectRevert(
    chain.sendPass(owner, "transferFrom", [owner, other, lockedId]),
    "PassLocked",
    lockedId,
  );
  const safeTransfer = "safeTransferFrom(address,address,uint256)";
  await expectRevert(
    chain.sendPass(owner, safeTransfer, [owner, other, lockedId]),
    "PassLocked",
    lockedId,
  );
  await chain.sendPass(owner, "approve", [other, lockedId]);
  await expectRevert(
    chain.sendPass(other, "transferFrom", [owner, other, lockedId]),
    "PassLocked",
    lockedId,
  );
  expect(await chain.readPass("ownerOf", lockedId)).toBe(owner);
});

test("a transferable pass moves, for its owner only", async () => {
  const [owner, other] = [chain.person(0), chain.person(1)];
  expect(await chain.readPass("locked", transferableId)).toBe(false);
  await expectRevert(
    chain.sendPass(other, "transferFrom", [owner, other, transferableId]),
    "ERC721InsufficientApproval",
    other,
    transferableId,
  );
  const { logs } = await chain.sendPass(owner, "transferFrom", [owner, other, transferableId]);
  expect(logs).toEqual([["Transfer", owner, other, transferableId]]);
});

test("a transferable pass announces itself as such", async () => {
  const id = await chain.sold(chain.person(2), 5_000n, { transferable: true });
  const { logs } = await chain.send(chain.operator, "mintPasses", [[id]]);
  expect(logs).toEqual([
    ["Transfer", ZeroAddress, chain.person(2), id],
    ["Unlocked", id],
  ]);
});

test("what does not exist is neither locked nor unlocked", async () => {
  await expect(chain.readPass("locked", 999n)).rejects.toThrow();
  const id = await chain.sold(chain.person(0), 5_000n);
  await chain.send(chain.operator, "mintPasses", [[id]]);
  await chain.send(chain.operator, "settleMeetings", [[id], [OUTCOMES.HELD]]);
  await expect(chain.readPass("locked", id)).rejects.toThrow();
});

test("a pass contract that refuses is one item's failure, not the batch's", async () => {
  // Cannot happen through the contracts, so the pass's storage is bent by hand: slot 2 of ERC721 is `_owners`.
  const [first, bent, last] = [
    await chain.sold(chain.person(0), 5_000n),
    await chain.sold(chain.person(0), 5_000n),
    await chain.sold(chain.person(0), 5_000n),
  ];
  await setPassOwner(bent, chain.person(3));
  const minted = await chain.send(chain.operator, "mintPasses", [[first, bent, last]]);
  expect(minted.logs.map(([name]) => name)).toEqual([
    "Transfer",
    "Locked",
    "PassMintFailed",
    "Transfer",
    "Locked",
  ]);
  expect(minted.logs[2]).toEqual(["PassMintFailed", bent, BigInt(FAILURE_REASONS.REVERTED)]);
  expect((await chain.state(bent))["minted"]).toBe(false);

  await setPassOwner(first, ZeroAddress);
  const before = await chain.credits(chain.host);
  const settled = await chain.send(chain.operator, "settleMeetings", [
    [first, last],
    [OUTCOMES.HELD, OUTCOMES.HELD],
  ]);
  expect(settled.logs[0]).toEqual(["SettlementFailed", first, BigInt(FAILURE_REASONS.REVERTED)]);
  expect(settled.logs.at(-1)?.[0]).toBe("MeetingSettled");
  expect((await chain.credits(chain.host)) - before).toBe(5_000n - 125n);
});

async function setPassOwner(tokenId: bigint, owner: string): Promise<void> {
  const slot = keccak256(AbiCoder.defaultAbiCoder().encode(["uint256", "uint256"], [tokenId, 2n]));
  await chain.provider.send("anvil_setStorageAt", [chain.pass, slot, zeroPadValue(owner, 32)]);
}
