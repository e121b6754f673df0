// A plan for people to read: `npm run simulate -- --plan`.
import { counted } from "../../scripts/command-line.ts";
import { digestOf, type Plan, type ReorgPlan } from "./plan.ts";
import { type Act, type AuctionPlan, PEOPLE } from "./plan-auctions.ts";
import type { FaultWindow } from "./plan-faults.ts";
import type { Life } from "./plan-lives.ts";

const percent = (bps: number): string => `${bps / 100} %`;

/** Everything that a seed means, with the digest that names it. */
export function planText(plan: Plan): string {
  const { rules } = plan;
  return [
    `seed ${plan.seed}, ${counted(plan.auctions.length, "auction")} (plan ${digestOf(plan)})`,
    `  rules: a bid in the last ${rules.timeBufferS} s moves the end, by ${rules.maxExtensionS} s at most in all; shortest auction ${rules.minDurationS} s; fee ${percent(rules.feeBps)}; each bid ${percent(rules.minIncrementBps)} higher`,
    `  world: ${counted(plan.wallets, "wallet")}, ${counted(plan.endpoints, "endpoint")} ${plan.socket ? "and a WebSocket" : "without a WebSocket"}, at most ${counted(plan.batchItems, "operation")} per transaction, ${counted(plan.confirmations, "confirmation")}, final after ${counted(plan.finalityDepth, "block")}, ${plan.spacing === "irregular" ? "irregular blocks" : `blocks of ${plan.spacing}`}, planned up to block ${plan.lastBlock}`,
    ...section("auctions", plan.auctions.map(auctionText)),
    ...section("acts", plan.acts.map(actText)),
    ...section("reorgs", plan.reorgs.map(reorgText)),
    ...section("faults", plan.faults.map(faultText)),
    ...section("lives of the worker", livesText(plan.lives)),
  ].join("\n");
}

function section(name: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [`  ${name}: none`];
  return [`  ${name}:`, ...lines.map((line) => `    ${line}`)];
}

function auctionText(auction: AuctionPlan): string {
  return `#${auction.index} of ${personText(auction.host)}: ends in block ${auction.endBlock} (${auction.endsAtS} s after the beginning), reserve ${auction.reserveWei} wei, increment ${auction.minIncrementWei} wei, meeting ${auction.meetingAfterS} s later for ${auction.meetingDurationS / 60} min, pass ${auction.transferable ? "transferable" : "not transferable"}`;
}

function actText(act: Act): string {
  const what = act.kind === "bid" ? `bids ${act.amountWei} wei on` : `${act.kind}s`;
  return `block ${act.block}: ${personText(act.by)} ${what} #${act.auction}`;
}

function personText(index: number): string {
  if (index < PEOPLE.hosts) return `host ${index}`;
  return index === PEOPLE.stranger ? "the stranger" : `bidder ${index}`;
}

function reorgText({ block, depth, longerBy, mode }: ReorgPlan): string {
  return `block ${block}: the newest ${counted(depth, "block")} replaced by ${depth + longerBy}, transactions: ${mode}`;
}

function faultText(fault: FaultWindow): string {
  const where = fault.endpoint === undefined ? "" : ` at endpoint ${fault.endpoint}`;
  const times = fault.times === undefined ? "" : `, at most ${counted(fault.times, "time")}`;
  return `blocks ${fault.fromBlock} to ${fault.toBlock}: ${fault.kind}${where}, size ${fault.size}${times}`;
}

function livesText(lives: readonly Life[]): string[] {
  const ended = lives.map(({ crashAt, killAtBlock, downBlocks }, index) => {
    const end =
      killAtBlock === undefined
        ? `kills itself at ${crashAt}`
        : `is killed at block ${killAtBlock}`;
    return `${index + 1}: ${end}; the next begins ${counted(downBlocks, "block")} later`;
  });
  return [...ended, `${lives.length + 1}: has no planned end`];
}
