import type { ReferenceAuction } from "./bidding.ts";
import type { CanonicalChain } from "./canonical.ts";
import type { Findings } from "./violations.ts";

/** Blocks in which something was done to the product, as heights of the chain, both included. */
export interface Disturbance {
  readonly from: number;
  readonly to: number;
}

/** A block is made while the product still looks at the one before: the second one that allows an end is in time too. */
const GRACE_BLOCKS = 2;
/**
 * Blocks in which a disturbance may still be felt after it is over: what was lost is sent again, or outbid, within these. Blocks here
 * are made every tenth of a second, and time-outs of the product last seconds.
 */
const AFTERMATH_BLOCKS = 25;

/** Each auction ends in the first block that allows it, or as soon after it as what was done to the product lets it. */
export function checkLateness(
  chain: CanonicalChain,
  reference: ReadonlyMap<string, ReferenceAuction>,
  disturbances: readonly Disturbance[],
  findings: Findings,
): void {
  const inOrder = [...disturbances].sort((a, b) => a.from - b.from);
  for (const auction of reference.values()) {
    const ended = chain.logs.find(
      ({ name, auctionId }) => name === "AuctionEnded" && auctionId === auction.id,
    );
    const first = chain.timestampsS.findIndex((timestampS) => timestampS >= auction.endS);
    if (ended === undefined || first === -1) continue;
    let latest = first + GRACE_BLOCKS;
    for (const { from, to } of inOrder)
      if (from <= latest && to + AFTERMATH_BLOCKS > latest) latest = to + AFTERMATH_BLOCKS;
    if (ended.blockNumber <= latest) continue;
    findings.add(
      "on-time",
      `auction ${auction.id}`,
      `ended in block ${ended.blockNumber}, ${ended.blockNumber - first} after the first that allowed it, and what was done to the product excuses ${latest - first}`,
    );
  }
}
