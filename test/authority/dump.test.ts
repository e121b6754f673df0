// Somebody has a dump of the database, taken in the middle of everything: what is in it must open nothing.
import type { Socket } from "socket.io-client";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { createParaClient } from "../../src/para/index.ts";
import type { Database } from "../../src/db/database.ts";
import { Wallet } from "ethers";
import {
  createTestWorld,
  once,
  seedAuction,
  seedMeeting,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { signIn, type SignedIn, startParaSandbox } from "../support/sandboxes.ts";

let world: TestWorld;
let para: ParaSandbox;
let api: TestApi;

beforeAll(async () => {
  [world, para] = await Promise.all([createTestWorld(), startParaSandbox()]);
  api = await world.start({ para: createParaClient({ ...para.config, timeoutMs: 180_000 }) });
});
afterAll(async () => {
  await para.stop();
  await world.close();
});

/** Every value of every table, as text, with where it stands; binary columns also as the bytes they hold. */
async function dump(
  db: Database,
): Promise<readonly { readonly at: string; readonly text: string }[]> {
  const tables = await db.query<{ name: string }>(
    `SELECT quote_ident(table_name) AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`,
  );
  const values: { at: string; text: string }[] = [];
  for (const { name } of tables) {
    const rows = await db.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
    for (const row of rows)
      for (const [column, value] of Object.entries(row)) {
        const at = `${name}.${column}`;
        if (value instanceof Uint8Array)
          for (const encoding of ["latin1", "hex", "base64"] as const)
            values.push({ at, text: Buffer.from(value).toString(encoding) });
        else if (value !== null)
          values.push({ at, text: typeof value === "string" ? value : JSON.stringify(value) });
      }
  }
  return values;
}

/** Where a secret stands in a dump, as it is or in an encoding that everybody can undo. */
function places(values: Awaited<ReturnType<typeof dump>>, secret: string): string[] {
  const bytes = Buffer.from(secret);
  const spellings = [
    secret,
    bytes.toString("hex"),
    // Base64 of a part depends on where the part begins, so only its inner characters are looked for.
    ...[0, 1, 2].flatMap((shift) =>
      (["base64", "base64url"] as const).map((encoding) =>
        Buffer.concat([Buffer.alloc(shift), bytes])
          .toString(encoding)
          .slice(4, -4),
      ),
    ),
  ];
  const found = values.filter(({ text }) => spellings.some((one) => text.includes(one)));
  return [...new Set(found.map(({ at }) => at))];
}

async function logIn(person: SignedIn): Promise<string> {
  const { body } = await api.request("/api/auth/para-session", {
    json: { session: person.session },
  });
  return body.token as string;
}

/** A whole evening: logins of every kind, wallets, a meeting with doors opened, tried and left. Returns every secret of it. */
async function story(): Promise<{
  secrets: Record<string, string>;
  public: Record<string, string>;
}> {
  const secrets: Record<string, string> = {};
  const host = await signIn(para, { email: "host@example.org", withSigner: true });
  const winner = await signIn(para, { email: "winner@example.org", withSigner: true });
  const people = { host, winner };
  for (const [name, person] of Object.entries(people)) {
    const exported = JSON.parse(Buffer.from(person.session, "base64").toString()) as {
      sessionCookie: string;
      wallets: Record<string, { signer: string }>;
    };
    secrets[`${name}: session`] = person.session;
    secrets[`${name}: session cookie`] = exported.sessionCookie;
    secrets[`${name}: key share`] = exported.wallets[person.walletId]?.signer ?? "";
    secrets[`${name}: verification token`] = person.verificationToken;
    secrets[`${name}: private key`] = person.privateKey.slice(2);
    const byToken = await api.request("/api/auth/para-auth", {
      json: { verificationToken: person.verificationToken },
    });
    secrets[`${name}: first access token`] = byToken.body.token as string;
  }
  const tokens = { host: await logIn(host), winner: await logIn(winner) };
  // One that is refused leaves no trace of itself either.
  const refused = await signIn(para, { email: "refused@example.org", withSigner: true });
  await api.request("/api/auth/para-session", {
    token: tokens.host,
    json: { session: refused.session },
  });
  secrets["refused: session"] = refused.session;
  const leftLater = await signIn(para, "left@example.org");
  const leftToken = await logIn(leftLater);
  await api.request("/api/auth/logout", { method: "POST", token: leftToken });
  secrets["left: session"] = leftLater.session;

  const auctionId = await seedAuction(api.db, {
    host: host.address,
    phase: "sold",
    winner: winner.address,
    passOwner: winner.address,
  });
  api.reader.passOwners.set(auctionId, winner.address.toLowerCase());
  const meeting = await seedMeeting(api.db, {
    auctionId,
    host: host.address,
    winner: winner.address,
  });
  const sockets: Socket[] = [];
  for (const [name, token] of Object.entries(tokens)) {
    secrets[`${name}: access token`] = token;
    secrets[`${name}: signature of the access token`] = token.split(".")[2] ?? "";
    const socket = api.socket({ token });
    const ready = once(socket, "ready");
    socket.connect();
    await ready;
    sockets.push(socket);
    const wallet = new Wallet(people[name as "host" | "winner"].privateKey);
    // One challenge to a wallet that is answered, and one that is left open.
    const extra = Wallet.createRandom();
    for (const which of ["answered", "open"]) {
      const { body } = await api.request("/api/auth/wallet-challenge", {
        token,
        json: { address: extra.address },
      });
      secrets[`${name}: wallet challenge, ${which}`] =
        /Nonce: (\w+)/.exec(body.message as string)?.[1] ?? "";
      if (which === "answered")
        await api.request("/api/auth/wallets", {
          token,
          json: {
            challengeId: body.challengeId,
            signature: await extra.signMessage(body.message as string),
          },
        });
    }
    for (const which of ["entered", "refused", "open"]) {
      const { body } = await api.request(`/api/meetings/${meeting.id}/challenge`, {
        method: "POST",
        token,
      });
      secrets[`${name}: access challenge, ${which}`] = body.challenge as string;
      secrets[`${name}: text of it, ${which}`] = body.message as string;
      if (which === "open") continue;
      const signer = which === "entered" ? wallet : extra;
      const signature = await signer.signMessage(body.message as string);
      const access = await api.request(`/api/meetings/access/${meeting.id}`, {
        token,
        json: { challenge: body.challenge, signature },
      });
      expect({ name, which, status: access.status }).toEqual({
        name,
        which,
        status: which === "entered" ? 200 : 403,
      });
      if (which === "entered") secrets[`${name}: room token`] = access.body.token as string;
    }
  }
  for (const socket of sockets) socket.disconnect();
  const { config } = api.deps;
  Object.assign(secrets, {
    "the JWT secret": config.JWT_SECRET.reveal(),
    "Jitsi's secret": config.JITSI_SECRET.reveal(),
    "the integration secret": config.JITSI_INTEGRATION_SECRET.reveal(),
    "Para's secret key": para.config.secretApiKey,
  });
  for (const { id, key } of config.ENCRYPTION_KEYS) secrets[`key ${id}`] = key.reveal();
  return {
    secrets,
    public: {
      "users.identifier": "host@example.org",
      "wallets.address": host.address.toLowerCase(),
      "meetings.room_name": meeting.roomName,
    },
  };
}

test("a dump holds no session, no challenge and no token, in no column of no table", async () => {
  const told = await story();
  const values = await dump(world.db);
  // The search finds what is there: else it proves nothing.
  for (const [at, value] of Object.entries(told.public))
    expect({ at, found: places(values, value).includes(at) }).toEqual({ at, found: true });
  const tables = new Set(values.map(({ at }) => at.split(".")[0]));
  for (const table of [
    "para_sessions",
    "spent_verification_tokens",
    "wallet_challenges",
    "lit_gate_passes",
    "meeting_access_logs",
    "events",
  ])
    expect({ table, filled: tables.has(table) }).toEqual({ table, filled: true });
  const leaks = Object.entries(told.secrets).flatMap(([name, secret]) => {
    expect({ name, length: secret.length >= 16 }).toEqual({ name, length: true });
    return places(values, secret).map((at) => `${name} in ${at}`);
  });
  expect(leaks).toEqual([]);
  expect(Object.keys(told.secrets).length).toBeGreaterThan(35);
  // No other token either: all of them are JWTs.
  expect(values.filter(({ text }) => /eyJ[\w-]{10,}\.[\w-]{10,}\./.test(text))).toEqual([]);
});

test("the search sees a secret in every disguise", async () => {
  const secret = "a-session-that-must-not-be-kept-in-clear";
  const bytes = Buffer.from(secret);
  await world.db.query("CREATE TABLE careless (a text, b bytea, c jsonb, d text, e text, f text)");
  try {
    await world.db.query("INSERT INTO careless VALUES ($1, $2, $3, $4, $5, $6)", [
      `before ${secret} behind`,
      bytes,
      JSON.stringify({ deep: [{ down: secret }] }),
      bytes.toString("hex"),
      bytes.toString("base64"),
      Buffer.from(JSON.stringify({ session: secret })).toString("base64"),
    ]);
    expect(places(await dump(world.db), secret)).toEqual(
      ["a", "b", "c", "d", "e", "f"].map((column) => `careless.${column}`),
    );
  } finally {
    await world.db.query("DROP TABLE careless");
  }
});
