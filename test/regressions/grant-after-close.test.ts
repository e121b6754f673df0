import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";
import { FakeGate } from "../support/api.ts";

let world: TestWorld;
afterAll(() => world.close());

test("nobody is let in when the meeting is closed while the Lit nodes think", async () => {
  world = await createTestWorld();
  const gate = new FakeGate();
  const api: TestApi = await world.start({ gate });
  const [host, winner] = [await api.person(), await api.person()];
  const { meetingId } = await seedSold(api, host, winner);
  const prove = gate.prove.bind(gate);
  gate.prove = async (input) => {
    // Lit takes seconds; meanwhile the host closes.
    await world.db.query("UPDATE meetings SET state = 'closed' WHERE id = $1", [meetingId]);
    return prove(input);
  };
  const asked = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: winner.token,
  });
  const signature = await winner.wallet.signMessage(asked.body.message);
  const answer = await api.request(`/api/meetings/access/${meetingId}`, {
    token: winner.token,
    json: { challenge: asked.body.challenge, signature },
  });
  // grantAccess: "The challenge, the time and the meeting's being open are judged by the statement itself."
  expect(answer.status).toBe(403);
});
