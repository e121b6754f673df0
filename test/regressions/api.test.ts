// Requests and sign-ins that were once answered wrongly.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startServer } from "../../dev/sandbox/http.ts";
import { createParaClient } from "../../src/para/index.ts";
import {
  createTestWorld,
  FakePara,
  JITSI_SECRET,
  seedAuction,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import type { CreationCheck } from "../../src/chain/reader.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world?.close());

// A handle is one person's at one provider, and another's at the next.
describe("handles-of-two-providers", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
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
    await server?.stop();
  });

  const start = () =>
    world.start({
      para: createParaClient({
        environment: "beta",
        apiKey: "beta_x",
        secretApiKey: "s",
        jwtAudience: "a",
        apiUrl: server.url,
        timeoutMs: 60_000,
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
});

describe("logout-during-import", () => {
  test("a session that is being imported when its owner logs out is not kept, and gives no new token", async () => {
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
    const importing = api.request("/api/auth/para-session", {
      token: one.token,
      json: { session },
    });
    await asked.promise;
    const out = await api.request("/api/auth/logout", { method: "POST", token: one.token });
    expect(out.status).toBe(204);
    answer.resolve();
    expect((await importing).status).toBe(401);
    expect(
      await world.db.query("SELECT FROM para_sessions WHERE user_id = $1", [one.account.id]),
    ).toEqual([]);
    expect(await world.db.query("SELECT FROM wallets WHERE address = $1", [address])).toEqual([]);
  });
});

describe("nul-in-text", () => {
  test("a NUL in a title is refused and not a defect of ours", async () => {
    const api = await world.start();
    const host = await api.person();
    const transactionHash = `0x${randomBytes(32).toString("hex")}`;
    const auctionId = await seedAuction(api.db, { host: host.wallet.address });
    api.reader.creations.set(transactionHash, {
      status: "created",
      auctions: [{ auctionId, host: host.wallet.address.toLowerCase() }],
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
});

describe("listing-of-a-dropped-auction", () => {
  test("the host whose auction really has the id can record it, after an unconfirmed one was dropped by a reorg", async () => {
    const api = await world.start();
    const [first, second] = [await api.person(), await api.person()];
    const hash = () => `0x${randomBytes(32).toString("hex")}`;
    const [dropped, real] = [hash(), hash()];
    const created = (host: string, confirmations: number): CreationCheck => ({
      status: "created",
      auctions: [{ auctionId: "77", host: host.toLowerCase() }],
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
});

describe("stale-etag", () => {
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
});
