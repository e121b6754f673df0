import { randomBytes } from "node:crypto";
import { createTestWorld, seedAuction, type TestWorld } from "../support/api.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

test("the host whose auction really has the id can record it, after an unconfirmed one was dropped by a reorg", async () => {
  const api = await world.start();
  const [first, second] = [await api.person(), await api.person()];
  const hash = () => `0x${randomBytes(32).toString("hex")}`;
  const [dropped, real] = [hash(), hash()];
  const created = (host: string, confirmations: number) => ({
    status: "created" as const,
    auctionId: "77",
    host: host.toLowerCase(),
    blockNumber: 9,
    confirmations,
  });
  const post = (token: string, transactionHash: string, title: string) =>
    api.request("/api/auctions/created", {
      token,
      json: { transactionHash, title, description: "" },
    });
  // One confirmation of the two that are needed: 202, "not yet". And yet its listing is written for good.
  api.reader.creations.set(dropped, created(first.wallet.address, 1));
  expect((await post(first.token, dropped, "first")).status).toBe(202);
  // The block is reorganised away; id 77 now is the second host's auction, confirmed and indexed.
  api.reader.creations.delete(dropped);
  api.reader.creations.set(real, created(second.wallet.address, 10));
  await seedAuction(api.db, { auctionId: "77", host: second.wallet.address });
  const answer = await post(second.token, real, "second");
  const { body } = await api.request("/api/auctions/77");
  expect({ status: answer.status, code: answer.body.code, title: body.title }).toEqual({
    status: 201,
    title: "second",
  });
});
