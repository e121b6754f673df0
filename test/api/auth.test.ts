import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { Wallet } from "ethers";
import { unseal } from "../../src/api/auth/sealing.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import { forgetExpired } from "../../src/db/credentials.ts";
import { createTestWorld, type Person, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

const someAddress = () => `0x${randomBytes(20).toString("hex")}`;
const unique = () => `${randomBytes(6).toString("hex")}@example.org`;
const logIn = (verificationToken: string) =>
  api.request("/api/auth/para-auth", { json: { verificationToken } });
const verify = (token: string) => api.request("/api/auth/verify", { token });

describe("logging in with a verification token", () => {
  test("makes the account on first sight and finds it ever after, also when several come at once", async () => {
    const identifier = unique();
    const tokens = [1, 2, 3, 4, 5].map((n) => `vt-${n}-${identifier}`);
    for (const token of tokens) api.para.tokens.set(token, { authType: "email", identifier });
    const answers = await Promise.all(tokens.map(logIn));
    expect(answers.map((one) => one.status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(answers.map((one) => one.body.user.id)).size).toBe(1);
    const { body } = await verify(answers[0]?.body.token);
    expect(body.user).toMatchObject({ identifier, authType: "email", wallets: [] });
    expect(answers[0]?.headers.get("cache-control")).toBe("no-store");
  });

  test("uses the token up: of 20 logins at once one gets in, and none after it, also after logging out", async () => {
    const token = `vt-${unique()}`;
    api.para.tokens.set(token, { authType: "email", identifier: unique() });
    const answers = await Promise.all(Array.from({ length: 20 }, () => logIn(token)));
    const [first, ...more] = answers.filter((one) => one.status === 200);
    expect(more).toEqual([]);
    expect(
      answers.filter((one) => one.status === 401 && one.body.code === "para_token_spent"),
    ).toHaveLength(19);
    await api.request("/api/auth/logout", { method: "POST", token: first?.body.token });
    expect((await logIn(token)).body).toMatchObject({ status: 401, code: "para_token_spent" });
  });

  test("remembers a used token for as long as somebody keeps showing it, and forgets it 90 days after that", async () => {
    const token = `vt-${unique()}`;
    api.para.tokens.set(token, { authType: "email", identifier: unique() });
    await logIn(token);
    const digest = createHash("sha256").update(token).digest();
    const age = (days: number) =>
      world.db.query(
        "UPDATE spent_verification_tokens SET expires_at = expires_at - make_interval(days => $2) WHERE digest = $1",
        [digest, days],
      );
    const kept = async () =>
      (await world.db.query("SELECT 1 FROM spent_verification_tokens WHERE digest = $1", [digest]))
        .length;
    await age(89);
    expect((await logIn(token)).status).toBe(401);
    await age(89);
    await forgetExpired(world.db);
    expect(await kept()).toBe(1);
    await age(2);
    await forgetExpired(world.db);
    expect(await kept()).toBe(0);
  });

  test("leaves the token good when the login fails on our side", async () => {
    const token = `vt-${unique()}`;
    api.para.tokens.set(token, { authType: "email", identifier: unique() });
    await world.db.query("ALTER TABLE users RENAME COLUMN display_name TO display_name_away");
    try {
      expect((await logIn(token)).status).toBe(500);
    } finally {
      await world.db.query("ALTER TABLE users RENAME COLUMN display_name_away TO display_name");
    }
    expect((await logIn(token)).status).toBe(200);
  });

  test("binds the wallet a person logged in with", async () => {
    const wallet = Wallet.createRandom().address;
    api.para.tokens.set("vt-wallet", { authType: "external_wallet", identifier: wallet });
    expect(
      (await api.request("/api/auth/para-auth", { json: { verificationToken: "vt-wallet" } })).body
        .user.wallets,
    ).toEqual([wallet]);
  });

  test("is 401 when Para does not know the token, and 422 without one", async () => {
    expect(
      (await api.request("/api/auth/para-auth", { json: { verificationToken: "stolen" } })).body,
    ).toMatchObject({ status: 401, code: "para_token_invalid" });
    expect((await api.request("/api/auth/para-auth", { json: {} })).body.errors[0].pointer).toBe(
      "/verificationToken",
    );
  });
});

describe("logging in with a Para session", () => {
  const session = (name: string, identifier: string, ...addresses: string[]) =>
    api.para.sessions.set(name, {
      identity: { authType: "email", identifier },
      paraUserId: "p",
      wallets: addresses.map((address, n) => ({ id: String(n), type: "EVM" as const, address })),
    });
  const bring = (name: string, token?: string) =>
    api.request("/api/auth/para-session", {
      json: { session: name },
      ...(token === undefined ? {} : { token }),
    });

  test("binds its wallets, and keeps it so that only its owner's row opens it", async () => {
    const [identifier, address] = [unique(), Wallet.createRandom().address];
    session("exported-secret-text", identifier, address);
    const { status, body } = await bring("exported-secret-text");
    expect([status, body.wallets]).toEqual([200, [address]]);
    const [row] = await world.db.query<{
      keyId: string;
      iv: Buffer;
      ciphertext: Buffer;
      authTag: Buffer;
    }>(
      `SELECT key_id AS "keyId", iv, ciphertext, auth_tag AS "authTag" FROM para_sessions WHERE user_id = $1`,
      [body.user.id],
    );
    if (row === undefined) throw new Error("the session was not kept");
    expect(row.ciphertext.includes("exported-secret-text")).toBe(false);
    expect(row.keyId).toBe("k2");
    const keys = api.deps.config.ENCRYPTION_KEYS;
    expect(unseal(keys, row, body.user.id)).toBe("exported-secret-text");
    expect(() => unseal(keys, row, "another-user")).toThrow();
    expect(() =>
      unseal(
        keys,
        { ...row, ciphertext: Buffer.concat([row.ciphertext.subarray(1), Buffer.from([0])]) },
        body.user.id,
      ),
    ).toThrow();
    expect(() => unseal(keys.slice(1), row, body.user.id)).toThrow(/k2/);
  });

  test("replaces the session kept before, and keeps none after logging out", async () => {
    const identifier = unique();
    session("first", identifier);
    session("second", identifier);
    await bring("first");
    const { body } = await bring("second");
    const kept = () =>
      world.db.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM para_sessions WHERE user_id = $1",
        [body.user.id],
      );
    expect((await kept())[0]?.n).toBe(1);
    await api.request("/api/auth/logout", { method: "POST", token: body.token });
    expect((await kept())[0]?.n).toBe(0);
  });

  test("is not grafted on another account: neither by a logged-in stranger, nor by a wallet that has an owner", async () => {
    const [stranger, owner] = [await api.person(), await api.person()];
    session("of-someone", unique(), someAddress());
    expect((await bring("of-someone", stranger.token)).body).toMatchObject({
      status: 403,
      code: "para_session_of_another",
    });
    session("with-owned-wallet", unique(), someAddress(), owner.wallet.address);
    expect((await bring("with-owned-wallet")).body).toMatchObject({
      status: 409,
      code: "wallet_taken",
    });
    expect((await verify(owner.token)).body.user.wallets).toEqual([owner.wallet.address]);
    expect((await verify(stranger.token)).body.user.wallets).toEqual([stranger.wallet.address]);
  });

  test("is taken from its own account, and refused with a bad token even though it would do without any", async () => {
    const person = await api.person();
    session("own", person.account.identifier, someAddress());
    expect((await bring("own", person.token)).body.wallets).toHaveLength(2);
    expect((await bring("own", "nonsense")).status).toBe(401);
  });
});

describe("forged and stale tokens", () => {
  const b64 = (value: object | string) =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

  test.each([
    ["no algorithm", { header: { alg: "none", typ: "JWT" }, signature: "" }],
    ["no algorithm, spelled oddly", { header: { alg: "nOnE", typ: "JWT" }, signature: "" }],
    ["an empty signature", { signature: "" }],
    ["another secret", { secret: "another-secret-that-is-long-enough-too" }],
    ["another HMAC", { header: { alg: "HS512", typ: "JWT" }, hash: "sha512" }],
    [
      "a key brought along",
      { header: { alg: "HS256", typ: "JWT", jwk: { kty: "oct", k: b64("mine") } }, secret: "mine" },
    ],
    ["another type", { header: { alg: "HS256", typ: "refresh+jwt" } }],
    ["an end that has passed", { claims: { exp: 1_700_000_000 } }],
    ["a beginning in the future", { claims: { nbf: 4_000_000_000 } }],
    ["another issuer", { claims: { iss: "https://accounts.example" } }],
    ["another audience", { claims: { aud: "meeting-auction-admin" } }],
    ["a time of issue in the future", { claims: { iat: 4_000_000_000, exp: 4_000_000_600 } }],
    ["another purpose", { claims: { purpose: "socket" } }],
    ["no end", { claims: { exp: undefined } }],
    ["no session epoch", { claims: { epoch: undefined } }],
    ["a future session epoch", { claims: { epoch: 1 } }],
    ["a user that does not exist", { claims: { sub: "00000000-0000-4000-8000-000000000000" } }],
  ] as [
    string,
    { header?: object; claims?: object; secret?: string; hash?: string; signature?: string },
  ][])("with %s are 401", async (_name, forgery) => {
    const person = await api.person();
    const [header = "", claims = ""] = person.token.split(".");
    const parts = `${b64({ ...JSON.parse(Buffer.from(header, "base64url").toString()), ...forgery.header })}.${b64({ ...JSON.parse(Buffer.from(claims, "base64url").toString()), ...forgery.claims })}`;
    const signature =
      forgery.signature ??
      createHmac(forgery.hash ?? "sha256", forgery.secret ?? api.deps.config.JWT_SECRET.reveal())
        .update(parts)
        .digest("base64url");
    expect((await verify(person.token)).status).toBe(200);
    expect((await verify(`${parts}.${signature}`)).body).toMatchObject({
      status: 401,
      code: "token_invalid",
    });
  });

  test("signed with RSA, as Para's are, are 401", async () => {
    const person: Person = await api.person();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const parts = `${b64({ alg: "RS256", typ: "JWT" })}.${person.token.split(".")[1]}`;
    expect(
      (
        await verify(
          `${parts}.${sign("sha256", Buffer.from(parts), privateKey).toString("base64url")}`,
        )
      ).status,
    ).toBe(401);
  });

  test("in another scheme, or none at all, are 401 and say how to send one", async () => {
    const person = await api.person();
    for (const authorization of [
      "",
      person.token,
      `Basic ${person.token}`,
      `Bearer  ${person.token}`,
      `Bearer ${person.token} x`,
    ]) {
      const answer = await api.request("/api/auth/verify", { headers: { authorization } });
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        'Bearer realm="meeting-auction"',
      ]);
    }
  });

  test("are every token of the user after logging out, and none of a later login", async () => {
    const person = await api.person();
    const other = issueAccessToken(person.account, api.deps.config.JWT_SECRET, 600).token;
    expect(
      (await api.request("/api/auth/logout", { method: "POST", token: person.token })).status,
    ).toBe(204);
    expect((await verify(person.token)).status).toBe(401);
    expect((await verify(other)).status).toBe(401);
    api.para.tokens.set("again", { authType: "email", identifier: person.account.identifier });
    const { body } = await api.request("/api/auth/para-auth", {
      json: { verificationToken: "again" },
    });
    expect(body.user.id).toBe(person.account.id);
    expect((await verify(body.token)).status).toBe(200);
  });
});

describe("binding a wallet", () => {
  const challenge = (person: Person, address: string) =>
    api.request("/api/auth/wallet-challenge", { token: person.token, json: { address } });
  const bind = (person: Person, challengeId: string, signature: string) =>
    api.request("/api/auth/wallets", { token: person.token, json: { challengeId, signature } });

  test("takes a signature over the challenge, which names wallet, account and chain", async () => {
    const person = await api.person();
    const wallet = Wallet.createRandom();
    const { status, body } = await challenge(person, wallet.address);
    expect(status).toBe(201);
    for (const part of [wallet.address, person.account.id, "31337", "auctions.meeting-house.dev"])
      expect(body.message).toContain(part);
    const bound = await bind(person, body.challengeId, await wallet.signMessage(body.message));
    expect(bound.body.wallets.toSorted()).toEqual(
      [person.wallet.address, wallet.address].toSorted(),
    );
  });

  test("spends the challenge once among 20 uses at once", async () => {
    const person = await api.person();
    const wallet = Wallet.createRandom();
    const { body } = await challenge(person, wallet.address);
    const signature = await wallet.signMessage(body.message);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => bind(person, body.challengeId, signature)),
    );
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1);
    expect(
      answers.filter((one) => one.status === 409 && one.body.code === "challenge_spent"),
    ).toHaveLength(19);
  });

  test("refuses another key's signature, another person's challenge, an expired one, and a wallet with an owner", async () => {
    const [person, other] = [await api.person(), await api.person()];
    const wallet = Wallet.createRandom();
    const { body } = await challenge(person, wallet.address);
    expect(
      (await bind(person, body.challengeId, await other.wallet.signMessage(body.message))).body,
    ).toMatchObject({ status: 403, code: "signature_invalid" });
    const signature = await wallet.signMessage(body.message);
    expect((await bind(other, body.challengeId, signature)).status).toBe(409);
    await world.db.query("UPDATE wallet_challenges SET expires_at = now() WHERE id = $1", [
      body.challengeId,
    ]);
    expect((await bind(person, body.challengeId, signature)).body).toMatchObject({
      status: 409,
      code: "challenge_spent",
    });
    const owned = await challenge(person, other.wallet.address);
    expect(
      (
        await bind(
          person,
          owned.body.challengeId,
          await other.wallet.signMessage(owned.body.message),
        )
      ).body,
    ).toMatchObject({ status: 409, code: "wallet_taken" });
  });

  test("asks a contract wallet on chain, whatever its signatures look like", async () => {
    const person = await api.person();
    const contract = someAddress();
    api.reader.contractSignatures.set(contract, "0xc0ffee");
    const { body } = await challenge(person, contract);
    expect((await bind(person, body.challengeId, "0xdecaf0")).status).toBe(403);
    expect((await bind(person, body.challengeId, "0xc0ffee")).status).toBe(200);
  });

  test("refuses an address whose checksum is wrong", async () => {
    const person = await api.person();
    const answer = await challenge(person, "0x5FbDB2315678afecb367f032d93F642f64180aA3");
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, "/address"]);
  });
});
