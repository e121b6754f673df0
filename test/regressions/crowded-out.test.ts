/** The winner fills the three places the reservation allows; the host, who is there, cannot get in and pays for it. */
import {
  createTestWorld,
  JITSI_SECRET,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

const jitsi = { headers: { authorization: `Bearer ${JITSI_SECRET}` } };
async function letIn(meetingId: string, person: Person) {
  const asked = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  const signature = await person.wallet.signMessage(asked.body.message);
  return api.request(`/api/meetings/access/${meetingId}`, {
    token: person.token,
    json: { challenge: asked.body.challenge, signature },
  });
}

test("a winner cannot keep the host out by filling the room, and so get the money back", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const { meetingId, roomName } = await seedSold(api, host, winner);
  const reserved = await api.request("/conference", {
    ...jitsi,
    json: { name: roomName, start_time: new Date().toISOString(), mail_owner: "x@y" },
  });
  expect(reserved.status).toBe(200);
  const places: number = reserved.body.max_occupants ?? Infinity;
  // As dev/sandbox/jitsi/rooms.ts and Prosody's mod_muc_max_occupants do it: who comes too late is refused.
  let inside = 0;
  const join = async (person: Person) => {
    if (inside >= places) return false;
    inside += 1;
    const occupant = {
      occupant_jid: `${roomName}@muc/${inside}`,
      id: person.account.id,
      joined_at: Math.floor(Date.now() / 1000),
    };
    const told = await api.request("/api/integrations/jitsi/events", {
      ...jitsi,
      json: { event_name: "muc-occupant-joined", room_name: roomName, occupant },
    });
    expect(told.body).toEqual({ recorded: true });
    return true;
  };
  expect((await letIn(meetingId, winner)).status).toBe(200);
  for (let tab = 0; tab < 3; tab += 1) await join(winner); // one token opens any number of tabs
  expect((await letIn(meetingId, host)).status).toBe(200); // the host is there, with a valid token
  expect(await join(host)).toBe(true);
});
