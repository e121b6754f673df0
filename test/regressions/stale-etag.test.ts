import { createTestWorld, seedAuction, type TestWorld } from "../support/api.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

test("another auction under the same id (after a reorg) is not answered with 304", async () => {
  const api = await world.start();
  const [first, second] = [await api.person(), await api.person()];
  await seedAuction(api.db, { auctionId: "88", host: first.wallet.address });
  const { headers } = await api.request("/api/auctions/88");
  // Indexer: deleteAuction, then the canonical AuctionCreated is inserted with version 1 again.
  await api.db.query("DELETE FROM auctions WHERE auction_id = 88");
  await seedAuction(api.db, { auctionId: "88", host: second.wallet.address });
  const again = await api.request("/api/auctions/88", {
    headers: { "if-none-match": headers.get("etag") ?? "", "cache-control": "max-age=0" },
  });
  expect(again.status).toBe(200);
});
