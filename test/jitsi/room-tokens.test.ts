import { createHmac, generateKeyPairSync, verify } from "node:crypto";
import { z } from "zod";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { createRoomName, createRoomTokens } from "../../src/jitsi/index.ts";
import type { RoomTokenInput, RoomTokens } from "../../src/jitsi/index.ts";
import { outcomeOf } from "../para/refusals.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";

let jitsi: JitsiSandbox;
let tokens: RoomTokens;
const room = createRoomName();

beforeAll(async () => {
  jitsi = await startJitsiSandbox();
  tokens = createRoomTokens(jitsi.config);
});
afterEach(() => jitsi.clearFaults());
afterAll(() => jitsi.stop());

function inputOf(changes: Partial<RoomTokenInput> = {}): RoomTokenInput {
  return {
    room,
    userId: "user-1",
    displayName: "Ada",
    affiliation: "member",
    expiresAt: new Date(Date.now() + 600_000),
    ...changes,
  };
}

async function join(
  token: string | undefined,
  at: string = room,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${jitsi.url}/__sandbox/join`, {
    method: "POST",
    body: JSON.stringify({ room: at, token }),
  });
  return {
    status: response.status,
    body: z.record(z.string(), z.unknown()).parse(await response.json()),
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** A token made by hand, so that nothing stops it from being wrong. */
function forge(
  changes: object,
  options: { readonly header?: object; readonly secret?: string } = {},
): string {
  const nowS = Math.floor(Date.now() / 1000);
  const { appId, domain, secret } = jitsi.config;
  const claims = {
    iss: appId,
    aud: "jitsi",
    sub: domain,
    room,
    exp: nowS + 60,
    nbf: nowS - 10,
    ...changes,
  };
  const input = `${encode({ alg: "HS256", typ: "JWT", ...options.header })}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", options.secret ?? secret)
    .update(input)
    .digest("base64url")}`;
}

describe("a room name", () => {
  test("is one to browsers, XMPP and JWTs alike, and new every time", () => {
    const names = Array.from({ length: 1000 }, createRoomName);
    for (const name of names) expect(name).toMatch(/^[a-z2-7]{8}(-[a-z2-7]{8}){3}$/);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("Prosody", () => {
  test("lets the bearer of a token in, as what the token says", async () => {
    await expect(join(tokens.signRoomToken(inputOf()))).resolves.toMatchObject({
      status: 200,
      body: { affiliation: "member" },
    });
    await expect(
      join(tokens.signRoomToken(inputOf({ affiliation: "owner" }))),
    ).resolves.toMatchObject({ status: 200, body: { affiliation: "owner" } });
    await expect(join(tokens.signRoomToken(inputOf()), room.toUpperCase())).resolves.toMatchObject({
      status: 200,
    });
  });

  test.each([
    ["without a token", () => undefined, 401, "token required"],
    ["with nonsense", () => "a.b", 401, "Invalid token"],
    [
      "for another room",
      () => tokens.signRoomToken(inputOf({ room: createRoomName() })),
      403,
      "Room and token mismatched",
    ],
    [
      "of another domain",
      () => forge({ sub: "meet.example.org" }),
      403,
      "Room and token mismatched",
    ],
    ["signed with another secret", () => forge({}, { secret: "guess" }), 401, "Invalid signature"],
    [
      "with alg none",
      () => `${encode({ alg: "none", typ: "JWT" })}.${encode({ room })}.`,
      401,
      "Invalid or incorrect alg",
    ],
    ["without typ", () => forge({}, { header: { typ: undefined } }), 401, "Invalid typ"],
    [
      "that has expired",
      () => forge({ exp: Math.floor(Date.now() / 1000) }),
      401,
      "Not acceptable by exp",
    ],
    ["with its time as text", () => forge({ exp: "9999999999" }), 401, "exp must be number"],
    [
      "that is not valid yet",
      () => forge({ nbf: Math.floor(Date.now() / 1000) + 60 }),
      401,
      "Not acceptable by nbf",
    ],
    ["of another issuer", () => forge({ iss: "other" }), 401, "invalid 'iss' claim"],
    ["with a list of audiences", () => forge({ aud: ["jitsi"] }), 401, "invalid 'aud' claim"],
    ["without an audience", () => forge({ aud: undefined }), 401, "invalid 'aud' claim"],
    ["without a room", () => forge({ room: undefined }), 401, "'room' claim is missing"],
    ["without a subject", () => forge({ sub: undefined }), 401, "'sub' claim is missing"],
    ["with its beginning as text", () => forge({ nbf: "0" }), 401, "nbf must be number"],
    [
      "signed by another algorithm",
      () => forge({}, { header: { alg: "HS512" } }),
      401,
      "Invalid or incorrect alg",
    ],
  ])("refuses a guest %s", async (_name, make, status, text) => {
    const answer = await join(make());
    expect(answer.status).toBe(status);
    expect(answer.body["text"]).toContain(text);
  });

  test("would take the handmade token if it were right", async () => {
    await expect(join(forge({}))).resolves.toMatchObject({ status: 200 });
  });
});

/** MEET_FEATURES of jitsi-meet (react/features/base/jwt/constants.ts), and who may what in a meeting of two. */
const featuresOf = (isHost: boolean) => ({
  branding: false,
  calendar: false,
  "create-polls": true,
  "file-upload": true,
  flip: true,
  "inbound-call": false,
  "list-visitors": false,
  "live-translation": false,
  livestreaming: false,
  lobby: isHost,
  moderation: isHost,
  "outbound-call": false,
  recording: false,
  room: isHost,
  "screen-sharing": true,
  "send-groupchat": true,
  "send-private-message": true,
  "sip-inbound-call": false,
  "sip-outbound-call": false,
  transcription: false,
});

describe("a token of ours", () => {
  const parts = (token: string) =>
    token
      .split(".")
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as object);

  test.each([
    ["owner", true],
    ["member", false],
  ] as const)(
    "of an %s says what Prosody's modules read, and no more",
    (affiliation, moderator) => {
      const expiresAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 600_000 + 999);
      const [header, claims] = parts(tokens.signRoomToken(inputOf({ affiliation, expiresAt })));
      expect(header).toEqual({ alg: "HS256", typ: "JWT" });
      const { appId, domain } = jitsi.config;
      const iat = (claims as { iat: number }).iat;
      expect(claims).toEqual({
        iss: appId,
        aud: "jitsi",
        sub: domain,
        room,
        iat: expect.any(Number),
        nbf: iat - 10,
        // Whole seconds, and never later than asked.
        exp: Math.floor(expiresAt.getTime() / 1_000),
        context: {
          user: { id: "user-1", name: "Ada", affiliation, moderator },
          features: featuresOf(moderator),
        },
      });
      expect(Number.isInteger(iat)).toBe(true);
    },
  );

  test("names the XMPP domain where it is not the web host", () => {
    const docker = createRoomTokens({ ...jitsi.config, xmppDomain: "meet.jitsi" });
    expect(parts(docker.signRoomToken(inputOf()))[1]).toMatchObject({ sub: "meet.jitsi" });
  });
});

describe("a token is not made", () => {
  test.each([
    ["for any room", { room: "*" }],
    ["for a room with capitals", { room: "Room" }],
    ["for a room of a tenant", { room: "[tenant]room" }],
    ["for nobody", { userId: "" }],
    ["for the past", { expiresAt: new Date(Date.now() - 1000) }],
    ["for no time at all", { expiresAt: new Date(Number.NaN) }],
    ["that ends before it begins", { notBefore: new Date(Date.now() + 700_000) }],
  ])("%s", async (_name, changes) => {
    await expect(outcomeOf(() => tokens.signRoomToken(inputOf(changes)))).resolves.toBe(
      "refuse jitsi_token_input 422",
    );
  });

  test.each([
    ["an empty secret", { secret: " " }],
    ["a broken PEM", { secret: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" }],
    [
      "JaaS without a key id",
      { appId: "vpaas-magic-cookie-1", secret: "-----BEGIN PRIVATE KEY-----" },
    ],
    ["JaaS with a shared text", { appId: "vpaas-magic-cookie-1", secret: "text", kid: "k" }],
  ])("with %s", async (_name, settings) => {
    await expect(
      outcomeOf(() => createRoomTokens({ ...jitsi.config, ...settings }).signRoomToken(inputOf())),
    ).resolves.toBe("refuse jitsi_configuration 500");
  });
});

describe("JaaS", () => {
  test("gets its own kind of token and address", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const appId = "vpaas-magic-cookie-1";
    // The way a PEM is often put into an environment variable.
    const jaas = createRoomTokens({
      domain: "8x8.vc",
      appId,
      secret: pem.replaceAll("\n", "\\n"),
      kid: `${appId}/key1`,
    });
    const token = jaas.signRoomToken(inputOf({ affiliation: "owner" }));
    const [header = "", claims = "", signature = ""] = token.split(".");
    expect(
      verify(
        "sha256",
        Buffer.from(`${header}.${claims}`),
        publicKey,
        Buffer.from(signature, "base64url"),
      ),
    ).toBe(true);
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
      alg: "RS256",
      typ: "JWT",
      kid: `${appId}/key1`,
    });
    expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
      iss: "chat",
      aud: "jitsi",
      sub: appId,
      room,
      // The keys that JaaS documents, as text; the host may write where chat needs a permission.
      context: {
        user: { id: "user-1", moderator: "true" },
        features: {
          livestreaming: "false",
          recording: "false",
          transcription: "false",
          "sip-inbound-call": "false",
          "sip-outbound-call": "false",
          "inbound-call": "false",
          "outbound-call": "false",
          "file-upload": "true",
          "list-visitors": "false",
          "send-groupchat": "true",
          "create-polls": "true",
        },
      },
    });
    expect(jaas.roomUrl(room, token)).toBe(`https://8x8.vc/${appId}/${room}?jwt=${token}`);
  });

  test("knows no way to end a meeting", async () => {
    const jaas = createRoomTokens({
      domain: "8x8.vc",
      appId: "vpaas-magic-cookie-1",
      secret: "-----BEGIN PRIVATE KEY-----",
      kid: "k",
      adminUrl: jitsi.url,
    });
    await expect(jaas.endRoom(room)).resolves.toEqual({ ended: false, reason: "not_configured" });
  });
});

describe("ending a meeting", () => {
  test("sends everyone out, and asking again is harmless", async () => {
    const own = createRoomName();
    await join(tokens.signRoomToken(inputOf({ room: own })), own);
    await expect(tokens.endRoom(own)).resolves.toEqual({ ended: true, alreadyGone: false });
    const rooms = z
      .array(z.looseObject({ room: z.string() }))
      .parse(await (await fetch(`${jitsi.url}/__sandbox/rooms`)).json());
    expect(rooms.map((one) => one.room)).not.toContain(own);
    await expect(tokens.endRoom(own)).resolves.toEqual({ ended: true, alreadyGone: true });
  });

  test("without an admin URL is not possible, and says so", async () => {
    const { adminUrl: _adminUrl, ...rest } = jitsi.config;
    await expect(createRoomTokens(rest).endRoom(room)).resolves.toEqual({
      ended: false,
      reason: "not_configured",
    });
  });

  test("with a secret that Prosody does not know is refused", async () => {
    await expect(
      outcomeOf(() => createRoomTokens({ ...jitsi.config, adminSecret: "other" }).endRoom(room)),
    ).resolves.toBe("refuse jitsi_end_refused 502");
  });

  test("is not done where the 404 is not the module's: people may sit in the room", async () => {
    const wrongPath = { ...jitsi.config, adminUrl: `${jitsi.config.adminUrl}/no/such/path` };
    await expect(outcomeOf(() => createRoomTokens(wrongPath).endRoom(room))).resolves.toBe(
      "refuse jitsi_end_refused 502",
    );
  });

  test.each([
    ["errors", { mode: "status", status: 500 }],
    ["redirects", { mode: "status", status: 302 }],
    ["drops the connection", { mode: "reset" }],
    ["hangs", { mode: "hang" }],
  ] as const)("can be tried again when Prosody %s", async (_name, fault) => {
    jitsi.addFault({ path: "/end-meeting", ...fault });
    await expect(
      outcomeOf(() => createRoomTokens({ ...jitsi.config, timeoutMs: 300 }).endRoom(room)),
    ).resolves.toBe("retry jitsi_unavailable 503");
  });
});

test("a page is where JITSI_URL says, else at the domain by https, on this machine too", () => {
  const { url: _, ...config } = jitsi.config;
  const pageOf = (given: object): string =>
    createRoomTokens({ ...config, ...given }).roomUrl("room", "a.b.c");
  expect(pageOf({ url: "http://127.0.0.1:8000/" })).toBe("http://127.0.0.1:8000/room?jwt=a.b.c");
  expect(pageOf({ url: "https://example.org/meet" })).toBe(
    "https://example.org/meet/room?jwt=a.b.c",
  );
  expect(pageOf({ domain: "localhost:8443" })).toBe("https://localhost:8443/room?jwt=a.b.c");
});

test("the page of a room says what Prosody says", async () => {
  const page = async (url: string): Promise<string> => (await fetch(url)).text();
  expect(
    await page(tokens.roomUrl(room, tokens.signRoomToken(inputOf({ displayName: "<b>Ada" })))),
  ).toContain("lets <b>&lt;b>Ada</b> in as member");
  expect(await page(tokens.roomUrl(room, "nonsense"))).toContain(
    "refuses this link: Invalid token",
  );
});
