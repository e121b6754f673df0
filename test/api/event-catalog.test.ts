// The catalog of events (src/api/events/catalog.ts) names all that is written, with the payloads it has. What whole stories
// write is compared by the demo (dev/demo/verify.ts); here is what they do not come to.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { EVENTS, NOTIFICATIONS } from "../../src/api/events/catalog.ts";
import { envelope, KnownEvent } from "../../src/api/events/envelope.ts";
import { loadAuction } from "../../src/chain/indexing/auctions.ts";
import { withdrawMeeting } from "../../src/chain/indexing/compensation.ts";
import { effectsOfReorg } from "../../src/chain/indexing/effects.ts";
import { followPasses } from "../../src/chain/indexing/pass-moves.ts";
import { recordEvents } from "../../src/db/events.ts";
import { eventsAfter } from "../../src/db/feed.ts";
import { getMeeting } from "../../src/db/meetings.ts";
import { recordOverrule } from "../../src/db/overrules.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

/** The sources that write events or notifications. */
function writers(): { readonly file: string; readonly text: string }[] {
  return readdirSync(join(repositoryRoot, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("events/catalog"))
    .map((file) => ({ file, text: readFileSync(join(repositoryRoot, "src", file), "utf8") }))
    .filter(({ text }) => /recordEvents|NewEvent|notify(Wallet|User)|tell\(/.test(text));
}

test("every type that is written is described, and every one that is described is written", () => {
  const known = new Set([...Object.keys(EVENTS), ...Object.keys(NOTIFICATIONS)]);
  const written = new Map<string, string>();
  for (const { file, text } of writers())
    for (const [, type] of text.matchAll(
      /"((?:auction|bid|meeting|webhook)-[a-z-]+|notification)"/g,
    ))
      if (type !== undefined) written.set(type, file);
  expect([...written].filter(([type]) => !known.has(type))).toEqual([]);
  expect([...known].filter((type) => !written.has(type))).toEqual([]);
  expect(known.size).toBeGreaterThan(20);
});

async function enter(api: TestApi, person: Person, meetingId: string): Promise<number> {
  const { body } = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  const signature = await person.wallet.signMessage(body.message);
  const json = { challenge: body.challenge, signature };
  return (await api.request(`/api/meetings/access/${meetingId}`, { token: person.token, json }))
    .status;
}

test("what reorganisations, handed-on passes and operators write is as it is described", async () => {
  const api = await world.start();
  const [host, winner, buyer] = [await api.person(), await api.person(), await api.person()];
  const { auctionId, meetingId } = await seedSold(api, host, winner);
  for (let times = 0; times < 2; times += 1) expect(await enter(api, winner, meetingId)).toBe(200);

  const ref = { chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId };
  await world.db.transaction(async (tx) => {
    const meeting = await getMeeting(tx, meetingId);
    const owner = buyer.wallet.address.toLowerCase();
    await tx.query(
      "UPDATE auctions SET pass_owner = $1, last_pass_owner = $1 WHERE auction_id = $2",
      [owner, auctionId],
    );
    // The index has come to the block by which the winner was let in.
    await tx.query(
      "INSERT INTO chain_cursors (chain_id, stream, genesis_hash, block_number, block_hash) VALUES ($1, 'auctions', $2, 100, $2)",
      [CHAIN_ID, `0x${"0".repeat(64)}`],
    );
    const from = winner.wallet.address.toLowerCase();
    await followPasses(tx, { chainId: CHAIN_ID, auctionContract: AUCTION_CONTRACT }, 100, [
      { meeting, from, blockNumber: 100, cause: "a transfer" },
    ]);
    const decision = { by: "the tests", reason: "to see the event", outcome: 1 } as const;
    await recordOverrule(tx, meetingId, crypto.randomUUID(), decision);
    const auction = await loadAuction(tx, ref.chainId, ref.contract, auctionId);
    if (auction === undefined) throw new Error("the auction is not there");
    for (const after of [auction, undefined])
      await recordEvents(tx, effectsOfReorg(auction, after, 6, 6).events);
    await recordEvents(tx, (await withdrawMeeting(tx, meeting, undefined, 6)).events);
  });

  const written = (await eventsAfter(world.db, 0, 1_000)).filter(({ type }) => type in EVENTS);
  for (const event of written)
    expect({ event, ...KnownEvent.safeParse(envelope(event)) }).toMatchObject({ success: true });
  expect([...new Set(written.map(({ type }) => type))].toSorted()).toEqual([
    "auction-reverted",
    "meeting-access-withdrawn",
    "meeting-overruled",
    "meeting-room-changed",
    "meeting-session-replaced",
    "notification",
  ]);
});
