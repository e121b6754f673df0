import { createPublicKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { startServer } from "../http.ts";
import type { Route, SandboxAnswer, SandboxRequest, SandboxServer } from "../http.ts";
import { derive, deriveRsaKey, deriveUuid } from "../seed.ts";
import { addressOf, exportSession, ParaStore, publicKeyOf } from "./store.ts";
import type { SandboxSession } from "./store.ts";

export interface ParaSandboxOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Keys, ids and credentials depend on it alone. */
  readonly seed?: string;
  /** Keeps people and sessions across restarts. */
  readonly stateFile?: string;
}

export interface ParaSandbox extends SandboxServer {
  /** What the backend under test is configured with. */
  readonly config: {
    readonly environment: "beta";
    readonly apiKey: string;
    readonly secretApiKey: string;
    readonly jwtAudience: string;
    readonly apiUrl: string;
  };
}

const JWT_KEY_ID = "sandbox-1";
const WALLET_TYPES = [{ type: "EVM", optional: false }];

interface Context {
  readonly store: ParaStore;
  readonly apiKey: string;
  readonly secretApiKey: string;
  readonly partnerId: string;
  readonly jwtAudience: string;
  readonly signingKey: KeyObject;
}

/**
 * A Para that speaks the wire protocol of the real one to @getpara/server-sdk, with made-up people:
 * `POST /__sandbox/users {email, privateKey?}` signs somebody in, `POST /__sandbox/sessions/expire
 * {verificationToken}` ends a session, `GET /__sandbox/config` tells the keys.
 */
export async function startParaSandbox(options: ParaSandboxOptions): Promise<ParaSandbox> {
  const seed = options.seed ?? "para sandbox";
  const context: Context = {
    store: new ParaStore(seed, options.stateFile),
    apiKey: `beta_${derive(seed, "api key").toString("hex").slice(0, 32)}`,
    secretApiKey: `secret_${derive(seed, "secret api key").toString("hex").slice(0, 32)}`,
    partnerId: deriveUuid(seed, "partner"),
    jwtAudience: deriveUuid(seed, "audience"),
    signingKey: deriveRsaKey(seed),
  };
  const { apiKey, secretApiKey, jwtAudience } = context;
  const configAt = (apiUrl: string): ParaSandbox["config"] => ({
    environment: "beta",
    apiKey,
    secretApiKey,
    jwtAudience,
    apiUrl,
  });
  const server = await startServer(options.port, ({ url }) => [
    ...apiRoutes(context),
    ...controlRoutes(context),
    { method: "GET", path: "/__sandbox/config", handle: () => ok(configAt(url)) },
  ]);
  return { ...server, config: configAt(server.url) };
}

function apiRoutes(context: Context): Route[] {
  const { store } = context;
  // Every route of the client SDK wants the public key of a known app.
  const withKey =
    (handle: (request: SandboxRequest, session: SandboxSession | undefined) => SandboxAnswer) =>
    (request: SandboxRequest): SandboxAnswer => {
      if (request.headers["x-external-api-key"] !== context.apiKey)
        return { status: 403, body: { message: "Invalid API Key." } };
      const session = store.liveSessionByCookie(request.headers["x-capsule-sid"]);
      const answer = handle(request, session);
      return session === undefined
        ? answer
        : { ...answer, headers: { "x-capsule-sid": session.cookie } };
    };
  const withSecret =
    (handle: (body: Record<string, unknown>) => SandboxAnswer) =>
    (request: SandboxRequest): SandboxAnswer => {
      if (request.headers["x-external-api-key"] !== context.secretApiKey)
        return { status: 401, body: { message: "unauthorized" } };
      return handle(readObject(request.text));
    };
  return [
    {
      method: "POST",
      path: "/touch",
      handle: withKey((_request, session) => ok(touch(context, session))),
    },
    {
      method: "GET",
      path: "/partners/:id",
      handle: withKey(() =>
        ok({
          partner: {
            id: context.partnerId,
            supportedWalletTypes: WALLET_TYPES,
            cosmosPrefix: "cosmos",
            displayName: "Sandbox",
          },
        }),
      ),
    },
    { method: "GET", path: "/logout", handle: withKey(() => ok({})) },
    {
      method: "POST",
      path: "/users/:id/session/keep-alive",
      handle: withKey((_request, session) => (session === undefined ? denied() : ok({}))),
    },
    {
      method: "POST",
      path: "/auth/jwt",
      handle: withKey((_request, session) =>
        session === undefined
          ? denied()
          : ok({ token: issueJwt(context, session), keyId: JWT_KEY_ID }),
      ),
    },
    {
      method: "POST",
      path: "/sessions/verify",
      handle: withSecret((body) => {
        const session = store.liveSessionByLookupId(body["verificationToken"]);
        const user = session === undefined ? undefined : store.user(session.userId);
        return user === undefined ? denied() : ok({ authType: "email", identifier: user.email });
      }),
    },
    {
      method: "POST",
      path: "/wallets/verify",
      handle: withSecret((body) => {
        const user = store.userByAddress(String(body["address"]));
        return user === undefined
          ? { status: 404, body: { message: "wallet not found" } }
          : ok({ walletId: user.walletId });
      }),
    },
    {
      method: "GET",
      path: "/.well-known/jwks.json",
      handle: () =>
        ok({
          keys: [
            {
              ...createPublicKey(context.signingKey).export({ format: "jwk" }),
              kid: JWT_KEY_ID,
              alg: "RS256",
              use: "sig",
            },
          ],
        }),
    },
  ];
}

function controlRoutes(context: Context): Route[] {
  const { store } = context;
  return [
    {
      method: "POST",
      path: "/__sandbox/users",
      handle: (request) => {
        const { email, privateKey } = readObject(request.text);
        if (typeof email !== "string" || !email.includes("@"))
          return { status: 400, body: { message: "email is missing" } };
        const user = store.upsertUser(
          email.trim().toLowerCase(),
          typeof privateKey === "string" ? privateKey : undefined,
        );
        const session = store.openSession(user);
        return {
          status: 201,
          body: {
            userId: user.userId,
            walletId: user.walletId,
            address: addressOf(user),
            privateKey: user.privateKey,
            verificationToken: session.lookupId,
            session: exportSession(user, session, context.partnerId),
          },
        };
      },
    },
    {
      method: "POST",
      path: "/__sandbox/sessions/expire",
      handle: (request) =>
        store.expireSession(String(readObject(request.text)["verificationToken"]))
          ? { status: 204 }
          : { status: 404, body: { message: "no such session" } },
    },
  ];
}

function touch(context: Context, session: SandboxSession | undefined): Record<string, unknown> {
  const app = {
    partnerId: context.partnerId,
    supportedWalletTypes: WALLET_TYPES,
    cosmosPrefix: "cosmos",
  };
  const user = session === undefined ? undefined : context.store.user(session.userId);
  if (session === undefined || user === undefined)
    return { ...app, isAuthenticated: false, sessionId: "anonymous", sessionLookupId: "anonymous" };
  return {
    ...app,
    isAuthenticated: true,
    userId: user.userId,
    sessionId: session.lookupId,
    sessionLookupId: session.lookupId,
    currentWalletIds: { EVM: [user.walletId] },
  };
}

/** A JWT as docs.getpara.com shows it, signed RS256. */
function issueJwt(context: Context, session: SandboxSession): string {
  const user = context.store.user(session.userId);
  if (user === undefined) throw new Error("a session without a user");
  const wallets = [
    { id: user.walletId, type: "EVM", address: addressOf(user), publicKey: publicKeyOf(user) },
  ];
  const claims = {
    data: {
      userId: user.userId,
      wallets,
      connectedWallets: [],
      email: user.email,
      authType: "email",
      identifier: user.email,
    },
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(session.expiresAtMs / 1000),
    sub: user.userId,
    aud: context.jwtAudience,
  };
  const input = [{ alg: "RS256", typ: "JWT", kid: JWT_KEY_ID }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${input}.${sign("sha256", Buffer.from(input), context.signingKey).toString("base64url")}`;
}

function readObject(text: string): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(text === "" ? "{}" : text));
}

function ok(body: unknown): SandboxAnswer {
  return { status: 200, body };
}

function denied(): SandboxAnswer {
  return { status: 403, body: { message: "forbidden" } };
}
