// Random sequences of calls against the contracts and against the model, compared after every single step.
// fast-check shrinks a failure to the shortest sequence it finds.
import { fc, runs, size } from "../support/random.ts";
import { actionArbitrary } from "./actions.ts";
import type { Action } from "./actions.ts";
import { AuctionChain } from "./harness.ts";
import { Inspector } from "./inspector.ts";
import type { Snapshot } from "./inspector.ts";
import {
  expectPassesAccountedFor,
  expectProgress,
  expectSameAsModel,
  expectSolvent,
} from "./invariants.ts";
import { Model } from "./model.ts";
import { outcomeOf, perform } from "./steps.ts";

const RUNS = runs(12);
/** Shrinking may take as long as it likes up to here; it then shows the shortest sequence found. */
const SHRINK_UNTIL_MS = size(1_200_000, 3_400_000);
const STEPS = { minLength: 1, maxLength: 80 };
// Everything is short, so that a few seconds between calls reach every phase.
const CONFIG = {
  timeBufferS: 6,
  maxExtensionS: 4,
  minDurationS: 5,
  maxDurationS: 40,
  releaseGraceS: 10,
};
const FEE_BPS = 777n;
const MIN_INCREMENT_BPS = 500n;

let chain: AuctionChain;
let inspector: Inspector;
let people: string[];
let accounts: string[];
beforeAll(async () => {
  const rates = { feeBps: Number(FEE_BPS), minIncrementBps: Number(MIN_INCREMENT_BPS) };
  chain = await AuctionChain.start({ ...CONFIG, ...rates });
  inspector = await Inspector.deploy(chain);
  people = [0, 1, 2, 3].map((index) => chain.person(index));
  accounts = [...people, chain.feeRecipient];
});
afterAll(() => chain.stop());

test(
  `contracts and model agree (${RUNS} sequences)`,
  async () => {
    const reached = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(actionArbitrary, { ...STEPS, size: "max" }), async (actions) => {
        const [snapshotId, nowS] = [await chain.provider.send("evm_snapshot", []), chain.nowS];
        try {
          const model = await run(actions, reached);
          await drain(model);
        } finally {
          await chain.provider.send("evm_revert", [snapshotId]);
          chain.nowS = nowS;
        }
      }),
      {
        numRuns: RUNS,
        unbiased: true,
        interruptAfterTimeLimit: SHRINK_UNTIL_MS,
        markInterruptAsFailure: true,
      },
    );
    // Sequences in which nothing happens agree with anything.
    const names = [...reached.keys()];
    expect(names).toEqual(expect.arrayContaining(["extended", "outbid", "minted"]));
    expect(names.some((name) => name.startsWith("outcome"))).toBe(true);
  },
  SHRINK_UNTIL_MS + 60_000,
);

async function run(actions: readonly Action[], reached: Map<string, number>): Promise<Model> {
  const rules = { ...CONFIG, minIncrementBps: MIN_INCREMENT_BPS, feeRecipient: chain.feeRecipient };
  const model = new Model(rules, FEE_BPS);
  let before: Snapshot | undefined;
  for (const action of actions) {
    const { expected, call } = perform({ chain, model, people }, action, chain.nowS + action.waitS);
    const actual = await outcomeOf(call);
    expect(actual).toEqual(expected);

    const now = await inspector.look(accounts);
    expectSameAsModel(now, model, accounts);
    expectSolvent(now);
    expectPassesAccountedFor(now);
    if (before !== undefined) expectProgress(before, now, CONFIG.maxExtensionS);
    before = now;
    if ("revert" in actual) count(reached, actual.revert);
  }
  tally(model, reached);
  return model;
}

/** Whatever happened, in the end everyone has their money and the contract has none. */
async function drain(model: Model): Promise<void> {
  if (model.isPaused) await chain.send(chain.admin, "unpause");
  const ids = model.auctions.map((_, index) => BigInt(index + 1));
  await chain.send(chain.host, "endAuctions", [ids], { atS: chain.nowS + 1_000 });
  for (const id of ids) await outcomeOf(chain.send(chain.host, "release", [id]));
  for (const account of accounts) await outcomeOf(chain.send(account, "withdraw"));
  expect(await chain.provider.getBalance(chain.auction)).toBe(0n);
}

function count(reached: Map<string, number>, name: string): void {
  reached.set(name, (reached.get(name) ?? 0) + 1);
}

/** Counts what a sequence got to. */
function tally(model: Model, reached: Map<string, number>): void {
  for (const auction of model.auctions) {
    const isSold = auction.bids.length > 0;
    if (auction.state === "CANCELLED") count(reached, "cancelled");
    if (auction.endTime > auction.originalEndTime) count(reached, "extended");
    if (auction.bids.length > 1) count(reached, "outbid");
    if (auction.state === "ENDED") count(reached, isSold ? "sold" : "unsold");
    if (auction.mintCount > 0) count(reached, "minted");
    if (auction.burnedBy !== undefined) count(reached, "burned by holder");
    if (auction.state === "CLOSED") count(reached, `outcome ${auction.outcome}`);
  }
}
