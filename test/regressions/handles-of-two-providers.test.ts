// A handle is one person's at one provider, and another's at the next.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startServer } from "../../dev/sandbox/http.ts";
import { createParaClient } from "../../src/para/index.ts";
import { createTestWorld, FakePara, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  world = await createTestWorld();
  // Para, where the verification token says who comes: `<provider>-<handle>-<count>`.
  server = await startServer(0, () => [
    {
      method: "POST",
      path: "/sessions/verify",
      handle: (request) => {
        const [oAuthMethod, identifier] = JSON.parse(request.text).verificationToken.split("-");
        return { status: 200, body: { authType: "oauth", identifier, oAuthMethod } };
      },
    },
  ]);
});
afterAll(async () => {
  await world.close();
  await server.stop();
});

const start = () =>
  world.start({
    para: createParaClient({
      environment: "beta",
      apiKey: "beta_x",
      secretApiKey: "s",
      jwtAudience: "a",
      apiUrl: server.url,
      timeoutMs: 2_000,
    }),
  });
const logIn = (api: TestApi, verificationToken: string) =>
  api.request("/api/auth/para-auth", { json: { verificationToken } });

test("alice of Discord and alice of X are two people; of Twitter and of X, one", async () => {
  const api = await start();
  const idOf = async (token: string): Promise<string> => (await logIn(api, token)).body.user.id;
  const x = await idOf("x-alice-1");
  expect(await idOf("discord-alice-2")).not.toBe(x);
  expect(await idOf("twitter-alice-3")).toBe(x);
});

test("a handle of no provider is nobody's", async () => {
  expect((await logIn(await start(), "-alice-4")).status).toBe(503);
});

test("an account from before is theirs who come with one of its wallets, and nobody else's", async () => {
  const address = `0x${"b0".repeat(20)}`;
  const [former] = await world.db.query<{ id: string }>(
    "INSERT INTO users (auth_type, identifier) VALUES ('oauth', 'bob') RETURNING id",
  );
  await world.db.query("INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, 'para')", [
    address,
    former?.id,
  ]);
  const api = await start();
  // A token shows no wallets.
  const refused = await logIn(api, "x-bob-1");
  expect([refused.status, refused.body.code]).toEqual([409, "para_session_needed"]);

  const para = new FakePara();
  const bySession = await world.start({ para });
  const comes = async (oAuthMethod: string, wallet: string): Promise<string> => {
    para.sessions.set(oAuthMethod.padEnd(40, "s"), {
      identity: {
        authType: "oauth",
        identifier: `${oAuthMethod}:bob`,
        formerIdentifier: "bob",
        oAuthMethod,
      },
      paraUserId: oAuthMethod,
      wallets: [{ id: "w", type: "EVM", address: wallet }],
    });
    const json = { session: oAuthMethod.padEnd(40, "s") };
    return (await bySession.request("/api/auth/para-session", { json })).body.user.id;
  };
  expect(await comes("x", `0x${"b1".repeat(20)}`)).not.toBe(former?.id);
  expect(await comes("discord", address)).toBe(former?.id);
  // And from then on by a token too.
  expect((await logIn(api, "discord-bob-5")).body.user.id).toBe(former?.id);
});
