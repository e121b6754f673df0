// mod_reservations repeats a refusal for a while without asking again: what that means to whoever comes too early.
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { startServer, type SandboxServer } from "../../dev/sandbox/http.ts";
import { createRoomName, createRoomTokens, reservationAnswer } from "../../src/jitsi/index.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";
import { join } from "./people.ts";

let jitsi: JitsiSandbox | undefined;
let backend: SandboxServer;
let asked: number;
let isOpen: boolean;

beforeEach(async () => {
  [asked, isOpen] = [0, false];
  backend = await startServer(0, () => [
    {
      method: "POST",
      path: "/conference",
      handle: ({ text }) => {
        asked += 1;
        if (!isOpen) return { status: 403, body: { message: "this meeting opens at noon" } };
        const name = new URLSearchParams(text).get("name") ?? "";
        const request = { room: name, name, mailOwner: "x", startTime: new Date() };
        return {
          status: 200,
          body: reservationAnswer({ id: "a", request, startsAt: new Date(), durationS: 60 }),
        };
      },
    },
  ]);
});
afterEach(async () => {
  await jitsi?.stop();
  await backend.stop();
});

async function comer(options: { refusalMemoryMs?: number; expiryCheckMs: number }) {
  jitsi = await startJitsiSandbox({ ...options, apiUrl: backend.url });
  const room = createRoomName();
  const token = createRoomTokens(jitsi.config).signRoomToken({
    room,
    userId: "early",
    affiliation: "member",
    expiresAt: new Date(Date.now() + 600_000),
  });
  const sandbox = jitsi;
  return () => join(sandbox, { room, token });
}

test("a refusal is repeated without asking, even when the room is open by now", async () => {
  const come = await comer({ expiryCheckMs: 3_600_000 });
  expect((await come()).body).toMatchObject({ text: "this meeting opens at noon" });
  isOpen = true;
  expect((await come()).body).toMatchObject({
    text: "this meeting opens at noon",
    reservationErrorCode: 403,
  });
  expect(asked).toBe(1);
});

test("and is forgotten at the next look after its time", async () => {
  const come = await comer({ refusalMemoryMs: 1, expiryCheckMs: 5 });
  await come();
  isOpen = true;
  let status = 0;
  while (status !== 200) ({ status } = await come());
  expect(asked).toBeGreaterThan(1);
});

test("an answer that comes late is waited for", async () => {
  isOpen = true;
  backend.addFault({ path: "/conference", mode: "slow", delayMs: 50, times: 1 });
  const come = await comer({ expiryCheckMs: 3_600_000 });
  expect((await come()).status).toBe(200);
  expect(asked).toBe(1);
});
