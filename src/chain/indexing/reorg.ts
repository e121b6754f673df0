import type { Queryable } from "../../db/database.ts";
import { recordEvents } from "../../db/events.ts";
import { liveMeetings } from "../../db/meetings.ts";
import { enqueue } from "../../db/outbox.ts";
import { operationKey } from "../../domain/process.ts";
import type { JsonRpc } from "../rpc.ts";
import { blockByNumber } from "../types.ts";
import type { Stream } from "./apply.ts";
import { effectsOfReorg } from "./effects.ts";
import { followPasses, type PassMove } from "./pass-moves.ts";
import { deleteAuction, loadAuction, replayAuction, saveAuctions } from "./auctions.ts";
import * as store from "./store.ts";

export interface KnownBlock {
  readonly number: number;
  readonly hash: string;
}

/**
 * The newest of the known blocks (newest first) that is still on the chain. `beyond`: the chain has another block at every
 * height it was asked for. `unknown`: no height was answered, which contradicts nothing: the node is behind, or its chain
 * is still shorter than what it replaces.
 */
export async function commonAncestor(
  rpc: JsonRpc,
  known: readonly KnownBlock[],
): Promise<KnownBlock | "beyond" | "unknown"> {
  let contradicted = false;
  for (const block of known) {
    const canonical = await blockByNumber(rpc, block.number);
    if (canonical === null) continue;
    if (canonical.hash === block.hash) return block;
    contradicted = true;
  }
  return contradicted ? "beyond" : "unknown";
}

/** Takes back, in the caller's transaction, what the blocks above the ancestor had said, and tells everyone it concerned. */
export async function rollBackTo(
  tx: Queryable,
  stream: Stream,
  ancestor: KnownBlock,
): Promise<void> {
  const { chainId, auctionContract, confirmations } = stream;
  const moves: PassMove[] = [];
  for (const auctionId of await store.rollBack(tx, chainId, ancestor.number)) {
    const before = await loadAuction(tx, chainId, auctionContract, auctionId);
    const after = await replayAuction(tx, chainId, auctionContract, auctionId);
    if (after === undefined) await deleteAuction(tx, chainId, auctionContract, auctionId);
    else {
      await saveAuctions(tx, [after]);
      // The end may have come forward again: an extension was taken back.
      await tx.query(
        "UPDATE chain_operations SET not_before_s = $2, updated_at = now() WHERE key = $1 AND state = 'pending'",
        [operationKey("end", after), after.endsAtS],
      );
    }
    if (before === undefined) continue;
    const confirmedUpTo = ancestor.number - confirmations + 1;
    const effects = effectsOfReorg(before, after, ancestor.number, confirmedUpTo);
    await recordEvents(tx, effects.events);
    await enqueue(tx, effects.messages);
    const cause = `pass:${chainId}:${ancestor.hash}:${auctionId}:reorg:${before.updatedBlock}`;
    for (const meeting of await liveMeetings(tx, chainId, auctionContract, [auctionId]))
      moves.push({ meeting, from: before.passOwner, blockNumber: ancestor.number, cause });
  }
  await store.moveCursor(tx, chainId, ancestor);
  await followPasses(tx, stream, ancestor.number, moves);
}
