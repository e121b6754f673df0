// Self-hosted or JaaS, one key or two: chosen by the environment alone.
import { roomTokensOptions } from "../../src/jitsi-options.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import { testConfig } from "../support/api.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";
import { systemKey } from "./people.ts";

const { privatePem, kid, keys } = systemKey();
const headerOf = (env: Record<string, string>) => {
  const token = createRoomTokens(roomTokensOptions(testConfig(env))).signRoomToken({
    room: "room",
    userId: "u",
    affiliation: "member",
    expiresAt: new Date(Date.now() + 60_000),
  });
  return JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as object;
};

test("a shared secret signs with HS256, a PEM with RS256 and its key's id", () => {
  expect(headerOf({})).toEqual({ alg: "HS256", typ: "JWT" });
  const jaas = {
    JITSI_DOMAIN: "8x8.vc",
    JITSI_APP_ID: "vpaas-magic-cookie-1",
    JITSI_SECRET: privatePem.replaceAll("\n", "\\n"),
    JITSI_KID: "vpaas-magic-cookie-1/key",
  };
  expect(headerOf(jaas)).toEqual({ alg: "RS256", typ: "JWT", kid: jaas.JITSI_KID });
});

test("the key for ending meetings, its id and the MUC domain reach the client", () => {
  const options = roomTokensOptions(
    testConfig({
      JITSI_SECRET: privatePem,
      JITSI_KID: "rooms/2026",
      JITSI_ADMIN_URL: "http://prosody:5280",
      JITSI_ADMIN_SECRET: privatePem,
      JITSI_ADMIN_KID: kid,
      JITSI_XMPP_DOMAIN: "meet.jitsi",
      JITSI_MUC_DOMAIN: "muc.meet.jitsi",
    }),
  );
  expect(options).toMatchObject({
    adminSecret: privatePem.trim(),
    adminKid: kid,
    xmppDomain: "meet.jitsi",
    mucDomain: "muc.meet.jitsi",
  });
});

test.each([
  [{ JITSI_ADMIN_URL: "http://prosody:5280", JITSI_ADMIN_SECRET: privatePem }, "JITSI_ADMIN_KID"],
  [{ JITSI_ADMIN_SECRET: privatePem, JITSI_ADMIN_KID: kid }, "JITSI_ADMIN_URL"],
  [{ JITSI_ADMIN_URL: "http://prosody:5280", JITSI_ADMIN_SECRET: "a".repeat(32) }, "as PEM"],
  [{ JITSI_ADMIN_SECRET: "short" }, "JITSI_ADMIN_SECRET"],
  [{ MEETING_MIN_TOGETHER_S: "0" }, "MEETING_MIN_TOGETHER_S"],
] as const)("what cannot work is refused at the start: %#", (env, variable) => {
  expect(() => testConfig(env as unknown as Record<string, string>)).toThrow(variable);
});

test("a key for ending meetings beside a shared secret: refused at the start, as Prosody would refuse each of its tokens", async () => {
  expect(() =>
    testConfig({
      JITSI_ADMIN_URL: "http://prosody:5280",
      JITSI_ADMIN_SECRET: privatePem,
      JITSI_ADMIN_KID: kid,
    }),
  ).toThrow(/JITSI_ADMIN_SECRET: cannot work beside a shared JITSI_SECRET/);

  const jitsi = await startJitsiSandbox({ adminKeys: keys });
  try {
    const rooms = createRoomTokens({ ...jitsi.config, adminSecret: privatePem, adminKid: kid });
    await expect(rooms.endRoom("room")).rejects.toMatchObject({ code: "jitsi_end_refused" });
  } finally {
    await jitsi.stop();
  }
});
