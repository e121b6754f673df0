import { randomBytes } from "node:crypto";
import {
  createTestWorld,
  JITSI_SECRET,
  seedAuction,
  seedSold,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

test("a NUL in a title is refused and not a defect of ours", async () => {
  const api = await world.start();
  const host = await api.person();
  const transactionHash = `0x${randomBytes(32).toString("hex")}`;
  const auctionId = await seedAuction(api.db, { host: host.wallet.address });
  api.reader.creations.set(transactionHash, {
    status: "created",
    auctionId,
    host: host.wallet.address.toLowerCase(),
    blockNumber: 1,
    confirmations: 9,
  });
  const answer = await api.request("/api/auctions/created", {
    token: host.token,
    json: { transactionHash, title: "a\u0000b", description: "" },
  });
  expect(answer.status).toBe(422);
});

test("a NUL in an occupant's id is refused: a 5xx makes Jitsi repeat it for ever", async () => {
  const api = await world.start();
  const { roomName } = await seedSold(api, await api.person(), await api.person());
  const answer = await api.request("/api/integrations/jitsi/events", {
    headers: { authorization: `Bearer ${JITSI_SECRET}` },
    json: {
      event_name: "muc-occupant-joined",
      room_name: roomName,
      occupant: { occupant_jid: "a\u0000b", joined_at: 1_700_000_000 },
    },
  });
  expect(answer.status).toBeLessThan(500);
});
