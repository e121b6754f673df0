import type { Prng } from "./prng.ts";

/** The rules of the contract that differ between runs; see contracts/src/IMeetingAuction.sol. */
export interface ContractRules {
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly minDurationS: number;
  readonly feeBps: number;
  readonly minIncrementBps: number;
}

export interface AuctionPlan {
  readonly index: number;
  readonly host: number;
  /** The end lies after the time of the block before this one and not after the time of this one. */
  readonly endBlock: number;
  /** Seconds from the story's beginning. */
  readonly endsAtS: number;
  readonly reserveWei: string;
  readonly minIncrementWei: string;
  readonly meetingAfterS: number;
  readonly meetingDurationS: number;
  readonly transferable: boolean;
}

/** What a person does in the block named (or, if a reorg takes it back, in a later one). */
export type Act = { readonly block: number; readonly auction: number; readonly by: number } & (
  | { readonly kind: "create" | "cancel" | "end" }
  | { readonly kind: "bid"; readonly amountWei: string }
);

/** Hosts are the first persons, bidders the next, and the stranger who ends auctions of others is the last. */
export const PEOPLE = { hosts: 3, bidders: 5, stranger: 8, count: 9 } as const;

interface Setting {
  readonly count: number;
  readonly secondsAt: readonly number[];
  readonly blockS: number;
  readonly rules: ContractRules;
}

/** Auctions with all that people do to them. */
export function planAuctions(
  random: Prng,
  setting: Setting,
): { readonly auctions: AuctionPlan[]; readonly acts: Act[] } {
  const auctions: AuctionPlan[] = [];
  const acts: Act[] = [];
  const lastCreation = Math.max(3, Math.ceil(setting.count * 0.7));
  for (let index = 0; index < setting.count; index += 1) {
    const createBlock = random.int(1, lastCreation);
    const endBlock = createBlock + random.int(6, 26);
    const [before, at] = [setting.secondsAt[endBlock - 1] ?? 0, setting.secondsAt[endBlock] ?? 0];
    const host = random.int(0, PEOPLE.hosts - 1);
    const auction: AuctionPlan = {
      index,
      host,
      endBlock,
      endsAtS: random.int(before + 1, at),
      reserveWei: String(random.int(0, 20) * 1000),
      minIncrementWei: String(random.pick([0, 100, 500])),
      meetingAfterS: setting.rules.maxExtensionS + random.int(1, 120),
      meetingDurationS: random.int(1, 20) * 60,
      transferable: random.chance(0.5),
    };
    auctions.push(auction);
    acts.push({ block: createBlock, kind: "create", auction: index, by: host });
    acts.push(...whatPeopleDo(random, auction, createBlock, setting));
  }
  return { auctions, acts: acts.sort((a, b) => a.block - b.block) };
}

function whatPeopleDo(
  random: Prng,
  auction: AuctionPlan,
  createBlock: number,
  setting: Setting,
): Act[] {
  const { index, endBlock } = auction;
  const acts: Act[] = [];
  const story = random.int(1, 100);
  // Without a bid a host may cancel: in peace, or in the very block in which the auction would be ended (fault n).
  if (story <= 10) {
    const block = random.chance(0.5) ? endBlock : random.int(createBlock + 2, endBlock - 1);
    acts.push({ block, kind: "cancel", auction: index, by: auction.host });
  } else if (story > 22) {
    acts.push(...bids(random, auction, createBlock, setting));
  }
  if (random.chance(0.15)) {
    const block = endBlock + random.int(0, 2);
    acts.push({ block, kind: "end", auction: index, by: PEOPLE.stranger });
  }
  return acts;
}

function bids(random: Prng, auction: AuctionPlan, createBlock: number, setting: Setting): Act[] {
  const { index, endBlock } = auction;
  const acts: Act[] = [];
  const blocks = Array.from({ length: random.int(1, 4) }, () =>
    random.int(createBlock + 1, endBlock - 1),
  );
  if (random.chance(0.4)) blocks.push(endBlock - 1);
  // One who bids again just before the extended end.
  const bufferBlocks = Math.floor(setting.rules.timeBufferS / setting.blockS);
  if (bufferBlocks > 1 && random.chance(0.3)) blocks.push(endBlock + bufferBlocks - 2);
  // And one who comes too late: the contract refuses it.
  if (random.chance(0.1)) blocks.push(endBlock + 1);
  let amountWei = Number(auction.reserveWei) + random.int(1, 2000);
  for (const block of blocks.sort((a, b) => a - b)) {
    const by = PEOPLE.hosts + random.int(0, PEOPLE.bidders - 1);
    acts.push({ block, kind: "bid", auction: index, by, amountWei: String(amountWei) });
    // Some do not bid enough to outbid.
    amountWei = Math.ceil(amountWei * (random.chance(0.15) ? 1.01 : 1.2)) + 501;
  }
  return acts;
}
