// What the client makes of a revert, for every custom error of both contracts, and as the libraries throw it.
import { Contract, type ErrorFragment, Interface } from "ethers";
import { explainContractError, meetingAuctionAbi, meetingPassAbi } from "../../client/src/index.ts";
import { AuctionChain } from "../contracts/harness.ts";
import { fc, runs } from "../support/random.ts";

const interfaces = [meetingAuctionAbi, meetingPassAbi].map((abi) => Interface.from(abi));
const errors = interfaces.flatMap((abi) => {
  const found: ErrorFragment[] = [];
  abi.forEachError((fragment) => found.push(fragment));
  return found.map((fragment) => ({ abi, fragment, name: fragment.name }));
});

const ADDRESS = "0x00000000000000000000000000000000000a11ce";
const SAMPLES: Readonly<Record<string, string>> = {
  address: ADDRESS,
  bytes32: `0x${"ab".repeat(32)}`,
  uint8: "8",
  uint48: "1800000000",
  uint256: "1500000000000000000",
};

test.each(errors)("$name becomes a sentence with its values", ({ abi, fragment, name }) => {
  const args = fragment.inputs.map(({ type }) => SAMPLES[type]);
  const data = abi.encodeErrorResult(fragment, args);
  const explained = explainContractError({ data });
  expect(explained).toMatchObject({
    name,
    values: Object.fromEntries(fragment.inputs.map((input, index) => [input.name, args[index]])),
  });
  expect(explained?.message).toMatch(/^[A-Z0-9].{10,}\.$/);
  expect(explained?.message).not.toMatch(/undefined|NaN|\[object/);
});

test("wei and seconds are told as ether and as a time", () => {
  const [abi] = interfaces;
  const of = (name: string, args: readonly unknown[]): string | undefined =>
    explainContractError(abi?.encodeErrorResult(name, args))?.message;
  expect(of("BidTooLow", [7n, 1_050_000_000_000_000_000n])).toContain("at least 1.05 ETH");
  expect(of("BidTooLow", [7n, 1n])).toContain("0.000000000000000001 ETH");
  expect(of("BiddingClosed", [7n, 1_800_000_000n])).toContain("2027-01-15 08:00:00 UTC");
  // What no calendar has.
  expect(of("BiddingClosed", [7n, 2n ** 255n])).toContain(`second ${2n ** 255n}`);
});

test("the error that ethers throws for a real revert is explained", async () => {
  const chain = await AuctionChain.start();
  try {
    const auctionId = await chain.create();
    const contract = new Contract(chain.auction, meetingAuctionAbi, chain.provider);
    const bid = contract
      .getFunction("bid")
      .staticCall(auctionId, { from: chain.person(0), value: 1n });
    const error: unknown = await bid.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(explainContractError(error)).toEqual({
      name: "BidTooLow",
      values: { auctionId: String(auctionId), minimumWei: "1000" },
      message: "The bid is too low: at least 0.000000000000001 ETH are needed now.",
    });
  } finally {
    await chain.stop();
  }
});

test("as viem wraps it, too", () => {
  const data = interfaces[0]?.encodeErrorResult("NotHost", [7n, ADDRESS]);
  // ContractFunctionExecutionError → ContractFunctionRevertedError
  const thrown = Object.assign(new Error("reverted"), {
    cause: { data: { errorName: "x" }, raw: data },
  });
  expect(explainContractError(thrown)?.name).toBe("NotHost");
  // Older wallets, and a selector of somebody else's in front.
  const older = { data: { originalError: { code: 3, data } } };
  expect(explainContractError(older)?.name).toBe("NotHost");
  expect(explainContractError({ data: "0x08c379a0", error: { data } })?.name).toBe("NotHost");
});

test("what is no revert of these contracts is not explained, whatever it looks like", () => {
  const circle: Record<string, unknown> = {};
  circle["cause"] = circle;
  const others = [undefined, null, 7, "0x", "user rejected action", circle, { data: "0x08c379a0" }];
  for (const other of others) expect(explainContractError(other)).toBeUndefined();
  // Cut short.
  expect(explainContractError(`0x${"00".repeat(4)}`)).toBeUndefined();
  const whole = interfaces[0]?.encodeErrorResult("BidTooLow", [7n, 1n]) ?? "";
  expect(explainContractError(whole.slice(0, -64))).toBeUndefined();
  fc.assert(
    fc.property(fc.anything(), (error) => explainContractError(error) === undefined),
    { numRuns: runs(200) },
  );
});
