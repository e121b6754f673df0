// Turns one drawn action into a call on the contracts and the same call on the model.
import type { Action } from "./actions.ts";
import type { AuctionChain, Receipt } from "./harness.ts";
import type { Effect, Model, ModelAuction } from "./model.ts";
import { ContractRevert } from "./reverts.ts";

export interface Step {
  readonly expected: Effect;
  readonly call: Promise<Receipt>;
}

export interface World {
  readonly chain: AuctionChain;
  readonly model: Model;
  readonly people: readonly string[];
}

const DONE: Effect = { skipped: [] };

/** Starts the call and says what the model makes of it. The call is mined at `atS`. */
export function perform({ chain, model, people }: World, action: Action, atS: number): Step {
  const { id, who } = aim({ chain, model, people }, action, atS);
  const whom = people[action.whom] ?? "";
  const others = action.batch.map(([which]) => BigInt(which % (model.auctions.length + 2)));
  const ids = [id, ...others];
  const outcomes = [1 + (action.amountWei % 3), ...action.batch.map(([, outcome]) => outcome)];
  const send = (from: string, method: string, args: unknown[] = [], valueWei = 0n) =>
    chain.send(from, method, args, { atS, valueWei });

  const steps: Record<Action["kind"], () => Step> = {
    create: () => {
      const terms = {
        endTime: atS + action.durationS,
        meetingStart: atS + action.durationS + action.meetingDelayS,
        meetingDurationS: 5,
        reservePriceWei: BigInt(action.amountWei),
        minIncrementWei: BigInt(action.which * 5),
        transferable: action.isTransferable,
      };
      const expected = model.create({ ...terms, host: who, originalEndTime: terms.endTime });
      return { expected, call: send(who, "createAuction", [chain.params(terms)]) };
    },
    bid: () => {
      const auction = model.get(id);
      const minimumWei = auction === undefined ? 1n : model.minimumBidWei(auction);
      const wantedWei = minimumWei + BigInt(action.extraWei);
      const amountWei = wantedWei < 0n ? 0n : wantedWei;
      const expected = model.bid(atS, id, who, amountWei);
      return { expected, call: send(who, "bid", [id], amountWei) };
    },
    cancel: () => ({ expected: model.cancel(id, who), call: send(who, "cancel", [id]) }),
    end: () => ({ expected: model.end(atS, ids), call: send(who, "endAuctions", [ids]) }),
    mint: () => ({ expected: model.mint(ids), call: send(chain.operator, "mintPasses", [ids]) }),
    settle: () => ({
      expected: model.settle(ids, outcomes),
      call: send(chain.operator, "settleMeetings", [ids, outcomes]),
    }),
    release: () => ({ expected: model.release(atS, id), call: send(who, "release", [id]) }),
    burn: () => ({ expected: model.burn(atS, id, who), call: send(who, "burnForMeeting", [id]) }),
    transfer: () => ({
      expected: model.transfer(id, who, whom),
      call: chain.sendPass(who, "transferFrom", [who, whom, id], { atS }),
    }),
    withdraw: () => ({ expected: model.withdraw(who), call: send(who, "withdraw") }),
    pause: () => {
      model.isPaused = !model.isPaused;
      return { expected: DONE, call: send(chain.admin, model.isPaused ? "pause" : "unpause") };
    },
    fee: () => {
      model.feeBps = BigInt(action.amountWei);
      const call = send(chain.admin, "setFee", [action.amountWei, chain.feeRecipient]);
      return { expected: DONE, call };
    },
  };
  return steps[kindOf(model, action)]();
}

/** What a call did, in the model's terms. */
export async function outcomeOf(call: Promise<Receipt>): Promise<Effect> {
  try {
    const { logs } = await call;
    const failures = logs.filter(([name]) => name.endsWith("Failed"));
    return { skipped: failures.map(([, id, reason]) => [BigInt(String(id)), Number(reason)]) };
  } catch (error) {
    if (error instanceof ContractRevert) return { revert: error.decoded[0] };
    throw error;
  }
}

/** Mostly as drawn; but a pause ends soon, and there is always something open, or little would ever happen. */
function kindOf(model: Model, action: Action): Action["kind"] {
  if (!action.isAimed) return action.kind;
  if (model.isPaused) return "pause";
  return model.auctions.some(({ state }) => state === "ACTIVE") ? action.kind : "create";
}

/** An auction and an account: those the action can succeed with, if it is aimed and there are any. */
function aim({ model, people }: World, action: Action, atS: number): { id: bigint; who: string } {
  const { kind } = action;
  const anyone = people[action.who] ?? "";
  const fits = (auction: ModelAuction): boolean => {
    if (kind === "bid") return auction.state === "ACTIVE" && atS < auction.endTime;
    if (kind === "cancel") return auction.state === "ACTIVE" && auction.bids.length === 0;
    if (kind === "end") return auction.state === "ACTIVE" && atS >= auction.endTime;
    if (kind === "burn") return auction.holder !== undefined && atS >= auction.meetingStart;
    if (kind === "transfer") return auction.holder !== undefined && auction.transferable;
    const isSold = auction.state === "ENDED" && auction.bids.length > 0;
    if (kind === "release") return isSold && atS >= model.releasableAt(auction);
    return isSold && (kind !== "mint" || auction.mintCount === 0);
  };
  const candidates = action.isAimed ? model.auctions.filter(fits) : [];
  const target = candidates[action.which % (candidates.length || 1)];
  const creditor = people.find((person) => (model.credits.get(person) ?? 0n) > 0n);
  if (action.isAimed && kind === "withdraw") return { id: 0n, who: creditor ?? anyone };
  // One id below and one above those that exist, to meet the unknown.
  const anyId = BigInt(action.which % (model.auctions.length + 2));
  if (target === undefined) return { id: anyId, who: anyone };

  const id = BigInt(model.auctions.indexOf(target) + 1);
  const guest = people.find((person) => person !== target.host) ?? anyone;
  if (kind === "cancel") return { id, who: target.host };
  if (kind === "burn" || kind === "transfer") return { id, who: target.holder ?? anyone };
  return { id, who: kind === "bid" && target.host === anyone ? guest : anyone };
}
