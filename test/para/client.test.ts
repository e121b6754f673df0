import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { z } from "zod";
import { startServer } from "../../dev/sandbox/http.ts";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { createParaClient } from "../../src/para/index.ts";
import type { ParaClient } from "../../src/para/index.ts";
import { signIn, startParaSandbox } from "../support/sandboxes.ts";
import type { SignedIn } from "../support/sandboxes.ts";
import { outcomeOf, rejectionOf } from "./refusals.ts";

let para: ParaSandbox;
let client: ParaClient;
/** Gives up at once where Para hangs; calls that answer take a tenth of it. */
let impatient: ParaClient;
let ada: SignedIn;

beforeAll(async () => {
  para = await startParaSandbox();
  client = createParaClient({ ...para.config, timeoutMs: 180_000 });
  impatient = createParaClient({ ...para.config, timeoutMs: 300 });
});
beforeEach(async () => {
  ada = await signIn(para, "Ada@Example.org");
});
afterEach(() => para.clearFaults());
afterAll(() => para.stop());

async function endSession(user: SignedIn): Promise<void> {
  const response = await fetch(`${para.url}/__sandbox/sessions/expire`, {
    method: "POST",
    body: JSON.stringify({ verificationToken: user.verificationToken }),
  });
  expect(response.status).toBe(204);
}

describe("a verification token", () => {
  test("names the person, normalised", async () => {
    await expect(client.verifyToken(ada.verificationToken)).resolves.toEqual({
      authType: "email",
      identifier: "ada@example.org",
    });
  });

  test.each([
    ["unknown", "nonsense"],
    ["empty", ""],
    ["endless", "x".repeat(5000)],
  ])("that is %s is refused", async (_name, token) => {
    await expect(outcomeOf(() => client.verifyToken(token))).resolves.toBe(
      "refuse para_token_invalid 401",
    );
  });

  test("of an ended session is refused", async () => {
    await endSession(ada);
    await expect(outcomeOf(() => client.verifyToken(ada.verificationToken))).resolves.toBe(
      "refuse para_token_invalid 401",
    );
  });

  test("with the wrong secret key is Para's trouble, never the person's", async () => {
    const stranger = createParaClient({
      ...para.config,
      secretApiKey: "wrong",
      timeoutMs: 180_000,
    });
    await expect(outcomeOf(() => stranger.verifyToken(ada.verificationToken))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test.each([
    ["an error", { mode: "status", status: 500 }],
    ["a redirect", { mode: "status", status: 302 }],
    ["half an answer", { mode: "garbage" }],
    ["a broken connection", { mode: "reset" }],
    ["another shape", { mode: "body", body: { authType: "email" } }],
    [
      "an unknown way of signing in",
      { mode: "body", body: { authType: "constructor", identifier: "x" } },
    ],
    ["an endless answer", { mode: "body", body: "x".repeat(300_000) }],
  ] as const)("answered with %s can be tried again", async (_name, fault) => {
    para.addFault({ path: "/sessions/verify", ...fault });
    await expect(outcomeOf(() => client.verifyToken(ada.verificationToken))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test("is not carried anywhere else by a redirect, nor is our secret key", async () => {
    const seen: string[] = [];
    const elsewhere = await startServer(0, () => [
      {
        method: "POST",
        path: "/sessions/verify",
        handle: () => (seen.push("asked"), { status: 403 }),
      },
    ]);
    const redirecting = await startServer(0, () => [
      {
        method: "POST",
        path: "/sessions/verify",
        handle: () => ({ status: 307, headers: { location: `${elsewhere.url}/sessions/verify` } }),
      },
    ]);
    try {
      const { url } = redirecting;
      const moved = createParaClient({ ...para.config, apiUrl: url, timeoutMs: 180_000 });
      await expect(outcomeOf(() => moved.verifyToken("token"))).resolves.toBe(
        "retry para_unavailable 503",
      );
      expect(seen).toEqual([]);
    } finally {
      await redirecting.stop();
      await elsewhere.stop();
    }
  });

  test("not answered at all can be tried again", async () => {
    para.addFault({ path: "/sessions/verify", mode: "hang" });
    await expect(outcomeOf(() => impatient.verifyToken(ada.verificationToken))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test.each([
    ["Phone", "+1 (555) 123-4567", "phone", "+15551234567"],
    [
      "externalWallet",
      "0x54c45dd6515f8ef6b6f39329c3461d29fa14aa76",
      "external_wallet",
      "0x54c45dD6515F8Ef6B6F39329C3461d29fA14AA76",
    ],
    ["FARCASTER", "Ada", "farcaster", "ada"],
    ["oauth", "Ada@Example.org", "oauth", "ada@example.org"],
  ])("of %s %s is normalised", async (authType, identifier, expectedType, expected) => {
    para.addFault({
      path: "/sessions/verify",
      mode: "body",
      body: { authType, identifier, oAuthMethod: null },
    });
    await expect(client.verifyToken("any")).resolves.toEqual({
      authType: expectedType,
      identifier: expected,
    });
  });
});

describe("an exported session", () => {
  test("is confirmed by Para's own word", async () => {
    const session = await client.importSession(ada.session);
    expect(session).toMatchObject({
      identity: { authType: "email", identifier: "ada@example.org" },
      paraUserId: ada.userId,
      wallets: [{ id: ada.walletId, type: "EVM", address: ada.address }],
    });
    expect(session.sessionExpiresAt?.getTime()).toBeGreaterThan(Date.now());
  });

  test("that lies about who it is of is answered with the truth", async () => {
    const bob = await signIn(para, "bob@example.org");
    const text = Buffer.from(ada.session, "base64").toString();
    const forged = text
      .replaceAll(ada.userId, bob.userId)
      .replaceAll(ada.address, bob.address)
      .replaceAll("ada@example.org", "bob@example.org");
    expect(forged).not.toBe(text);
    await expect(
      client.importSession(Buffer.from(forged).toString("base64")),
    ).resolves.toMatchObject({
      paraUserId: ada.userId,
      identity: { identifier: "ada@example.org" },
      wallets: [{ address: ada.address }],
    });
  });

  test("that has ended is refused", async () => {
    await endSession(ada);
    await expect(outcomeOf(() => client.importSession(ada.session))).resolves.toBe(
      "refuse para_session_inactive 401",
    );
  });

  test("that Para calls inactive is refused, even if Para would sign a JWT", async () => {
    const body = { partnerId: "p", supportedWalletTypes: [], isAuthenticated: false };
    para.addFault({ path: "/touch", mode: "body", body });
    await expect(outcomeOf(() => client.importSession(ada.session))).resolves.toBe(
      "refuse para_session_inactive 401",
    );
  });

  test("that ends while it is imported is refused", async () => {
    para.addFault({ path: "/auth/jwt", mode: "status", status: 403 });
    await expect(outcomeOf(() => client.importSession(ada.session))).resolves.toBe(
      "refuse para_session_inactive 401",
    );
  });

  test("of another app is refused", async () => {
    const other = createParaClient({
      ...para.config,
      jwtAudience: "another-app",
      timeoutMs: 180_000,
    });
    await expect(outcomeOf(() => other.importSession(ada.session))).resolves.toBe(
      "refuse para_jwt_invalid 401",
    );
  });

  test("whose JWT another key signed is refused", async () => {
    const impostor = await startParaSandbox({ seed: "impostor" });
    try {
      const keys: unknown = await (await fetch(`${impostor.url}/.well-known/jwks.json`)).json();
      para.addFault({ path: "/.well-known/jwks.json", mode: "body", body: keys });
      const fresh = createParaClient({ ...para.config, timeoutMs: 180_000 });
      await expect(outcomeOf(() => fresh.importSession(ada.session))).resolves.toBe(
        "refuse para_jwt_invalid 401",
      );
    } finally {
      await impostor.stop();
    }
  });

  test.each([
    ["errors", "/touch", { mode: "status", status: 500 }],
    ["refuses our API key", "/touch", { mode: "status", status: 403 }],
    ["talks nonsense", "/touch", { mode: "garbage" }],
    ["drops the connection", "/touch", { mode: "reset" }],
    ["issues no JWT", "/auth/jwt", { mode: "body", body: {} }],
    ["cannot issue a JWT", "/auth/jwt", { mode: "status", status: 500 }],
  ] as const)("can be tried again when Para %s", async (_name, path, fault) => {
    para.addFault({ path, ...fault });
    await expect(outcomeOf(() => client.importSession(ada.session))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test("can be tried again when Para's keys cannot be read", async () => {
    para.addFault({ path: "/.well-known/jwks.json", mode: "status", status: 500 });
    const fresh = createParaClient({ ...para.config, timeoutMs: 180_000 });
    await expect(outcomeOf(() => fresh.importSession(ada.session))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test.each(["/touch", "/auth/jwt", "*"])("does not wait for ever when %s hangs", async (path) => {
    para.addFault({ path, mode: "hang" });
    await expect(outcomeOf(() => impatient.importSession(ada.session))).resolves.toBe(
      "retry para_unavailable 503",
    );
  });

  test("leaves the key share outside the SDK and outside every message", async () => {
    const text = Buffer.from(ada.session, "base64").toString();
    const withShare = Buffer.from(
      text.replace('"type":"EVM"', '"type":"EVM","signer":"TOP-SECRET-SHARE"'),
    ).toString("base64");
    await expect(client.importSession(withShare)).resolves.toMatchObject({
      paraUserId: ada.userId,
    });
    para.addFault({
      path: "/auth/jwt",
      mode: "status",
      status: 500,
      body: { message: "echo TOP-SECRET-SHARE" },
    });
    const error = await rejectionOf(() => client.importSession(withShare));
    const cookie = z.object({ sessionCookie: z.string() }).parse(JSON.parse(text)).sessionCookie;
    for (const secret of ["TOP-SECRET-SHARE", cookie, para.config.apiKey])
      expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(
        secret,
      );
  });
});

test("an API key of another environment is a mistake in the settings", async () => {
  await expect(
    outcomeOf(() => createParaClient({ ...para.config, environment: "prod", timeoutMs: 1000 })),
  ).resolves.toBe("refuse para_configuration 500");
});

test("people and keys survive a restart of the sandbox", async () => {
  const keysOf = async (sandbox: ParaSandbox): Promise<string> =>
    createHash("sha256")
      .update(await (await fetch(`${sandbox.url}/.well-known/jwks.json`)).text())
      .digest("hex");
  const again = await startParaSandbox();
  try {
    expect(await keysOf(again)).toBe(await keysOf(para));
    const sameAda = await signIn(again, "ada@example.org");
    expect(sameAda).toMatchObject({ userId: ada.userId, address: ada.address });
  } finally {
    await again.stop();
  }
});

test("the SDK writes nothing to the console, and holds no process up", async () => {
  // The environment "dev" writes the whole state machine to the console, session and all.
  const script = `
    const { createParaClient } = await import(${JSON.stringify(new URL("../../src/para/index.ts", import.meta.url).href)});
    const client = createParaClient({ environment: "dev", apiKey: "dev_wrong", secretApiKey: "", jwtAudience: "", apiUrl: ${JSON.stringify(para.url)}, timeoutMs: 180_000 });
    const error = await client.importSession(${JSON.stringify(ada.session)}).catch((thrown) => thrown);
    console.log(error.code);`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", script],
    { env: {}, timeout: 50_000 },
  );
  expect({ stdout, stderr }).toEqual({ stdout: "para_unavailable\n", stderr: "" });
});
