// Whatever Prosody answers us, and whatever comes to the doors it has with us.
import { anyText, fc, runs } from "../support/random.ts";
import { startServer, type SandboxServer } from "../../dev/sandbox/http.ts";
import { AppError } from "../../src/errors.ts";
import { createRoomName, createRoomTokens, type RoomTokens } from "../../src/jitsi/index.ts";
import {
  createTestWorld,
  JITSI_SECRET,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

describe("an answer of Prosody's", () => {
  let prosody: SandboxServer;
  let tokens: RoomTokens;
  let answer: { status: number; html: string };
  beforeAll(async () => {
    const handle = () => answer;
    prosody = await startServer(0, () => [
      { method: "POST", path: "/end-meeting", handle },
      { method: "PUT", path: "/kick-participant", handle },
    ]);
    tokens = createRoomTokens({
      domain: "meet.example.org",
      appId: "app",
      secret: "s".repeat(32),
      adminSecret: "a".repeat(32),
      adminUrl: prosody.url,
    });
  });
  afterAll(() => prosody.stop());

  const CODES = ["jitsi_unavailable", "jitsi_end_refused"];
  const ask = async (call: Promise<object>): Promise<string> =>
    call.then(
      () => "an answer",
      (error: unknown) =>
        error instanceof AppError && CODES.includes(error.code) ? error.kind : String(error),
    );

  test("is an answer, a refusal or a reason to try again, whatever it is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 200, max: 599 }),
        fc.oneof(fc.string(), fc.constant("x".repeat(300_000))),
        async (status, html) => {
          answer = { status, html };
          const ended = await ask(tokens.endRoom(createRoomName()));
          const tooLong = html.length > 256 * 1_024 && ![204, 205, 304].includes(status);
          if (tooLong) expect(ended).toBe("retry");
          else if (status === 200 || status === 404) expect(ended).toBe("an answer");
          else expect(ended).toBe([400, 401, 403].includes(status) ? "refuse" : "retry");
          const kicked = await ask(tokens.kick(createRoomName(), "0a1b2c3d-1@guest/x"));
          expect(["an answer", "retry"]).toContain(kicked);
        },
      ),
      { numRuns: runs(200) },
    );
  });

  test("is not even asked for about an occupant that no token of ours made", async () => {
    for (const occupant of ["focus@auth.meet/x", "", "recorder", "0A1B2C3D@guest/x", "0a1b2c3"])
      await expect(tokens.kick("room", occupant)).resolves.toEqual({
        asked: false,
        reason: "occupant_unknown",
      });
  });
});

describe("a reservation", () => {
  let world: TestWorld;
  let api: TestApi;
  beforeAll(async () => {
    world = await createTestWorld();
    api = await world.start();
  });
  afterAll(() => world.close());
  const form = { "content-type": "application/x-www-form-urlencoded" };

  test("is granted for a room of ours only, whatever is sent", async () => {
    const { roomName } = await seedSold(api, await api.person(), await api.person());
    const text = fc.oneof(anyText(), fc.constantFrom("\0", "x".repeat(2_000)));
    const field = fc.oneof(text, fc.constantFrom(roomName, roomName.toUpperCase(), "[tenant]x"));
    const raw = fc.oneof(
      anyText(),
      fc
        .record({
          name: field,
          start_time: fc.oneof(text, fc.date().map(String)),
          mail_owner: text,
        })
        .map((one) => new URLSearchParams(one).toString()),
      fc
        .record({ name: field, mail_owner: text })
        .map((one) =>
          new URLSearchParams({ ...one, start_time: "2026-11-22T19:56:38.000Z" }).toString(),
        ),
    );
    await fc.assert(
      fc.asyncProperty(raw, async (body) => {
        const { status, body: granted } = await api.request("/conference", {
          method: "POST",
          token: JITSI_SECRET,
          headers: form,
          raw: body,
        });
        expect([200, 400, 403, 413, 422]).toContain(status);
        if (status === 200) expect(granted.name.toLowerCase()).toBe(roomName);
        if (status === 403) expect(granted.message).toMatch(/[a-z]/);
      }),
      { numRuns: runs(300) },
    );
  });

  test("is nobody's who has not the secret", async () => {
    for (const token of [undefined, "x".repeat(36), `${JITSI_SECRET}x`]) {
      const sent = { ...(token === undefined ? {} : { token }), headers: form, raw: "name=x" };
      expect((await api.request("/conference", sent)).status).toBe(401);
      const id = "00000000-0000-7000-8000-000000000000";
      for (const method of ["GET", "DELETE"])
        expect(
          (
            await api.request(`/conference/${id}`, {
              method,
              ...(token === undefined ? {} : { token }),
            })
          ).status,
        ).toBe(401);
    }
  });
});
