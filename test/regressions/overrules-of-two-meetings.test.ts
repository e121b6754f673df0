// An operator names a decision (`temporal workflow update execute --update-id`); names are unique within one process only.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { recordOverrule } from "../../src/db/overrules.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

test("decisions about two meetings under one name are two, and each repeated is one", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const sold = [await seedSold(api, host, winner), await seedSold(api, host, winner)];
  const command = { by: "ops:alice", outcome: 1 as const, reason: "Jitsi was down that morning" };
  for (const { meetingId } of [...sold, ...sold])
    await world.db.transaction((tx) => recordOverrule(tx, meetingId, "TICKET-17", command));
  const kept = await world.db.query(
    "SELECT meeting_id AS id FROM meeting_overrules ORDER BY place",
  );
  expect(kept).toEqual(sold.map(({ meetingId: id }) => ({ id })));
});
