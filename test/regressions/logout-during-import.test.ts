import { afterAll, expect, test } from "@jest/globals";
import { createTestWorld, FakePara, type TestWorld } from "../support/api.ts";

let world: TestWorld;
afterAll(() => world.close());

test("a session that is being imported when its owner logs out is not kept, and gives no new token", async () => {
  world = await createTestWorld();
  const para = new FakePara();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const real = para.importSession.bind(para);
  para.importSession = async (exported) => {
    asked.resolve();
    await answer.promise;
    return real(exported);
  };
  const api = await world.start({ para });
  const one = await api.person();
  const session = "s".repeat(40);
  const address = `0x${"d1".repeat(20)}`;
  para.sessions.set(session, {
    identity: { authType: "email", identifier: one.account.identifier },
    paraUserId: "u",
    wallets: [{ id: "w", type: "EVM", address }],
    sessionExpiresAt: new Date(Date.now() + 3_600_000),
  });
  const importing = api.request("/api/auth/para-session", { token: one.token, json: { session } });
  await asked.promise;
  const out = await api.request("/api/auth/logout", { method: "POST", token: one.token });
  expect(out.status).toBe(204);
  answer.resolve();
  expect((await importing).status).toBe(401);
  expect(await world.db.query("SELECT FROM para_sessions")).toEqual([]);
  expect(await world.db.query("SELECT FROM wallets WHERE address = $1", [address])).toEqual([]);
});
