import type { Route, SandboxAnswer, SandboxRequest } from "../http.ts";
import { type Context, denied, ok, readObject } from "./context.ts";
import { signingRoutes, type WithKey } from "./signing.ts";
import type { SandboxSession } from "./store.ts";

const WALLET_TYPES = [{ type: "EVM", optional: false }];

/** The routes of Para's own API that the SDKs and an app's server use. */
export function apiRoutes(context: Context, apiUrl: string): Route[] {
  const { store, keys } = context;
  // Every route of the client SDK wants the public key of a known app.
  const withKey: WithKey = (handle) => (request) => {
    if (context.revoked || request.headers["x-external-api-key"] !== context.apiKey)
      return { status: 403, body: { message: "Invalid API Key." } };
    const session = store.sessionByCookie(request.headers["x-capsule-sid"]);
    const answer = handle(request, session);
    return session === undefined
      ? answer
      : { ...answer, headers: { "x-capsule-sid": session.cookie } };
  };
  const withSecret =
    (handle: (body: Record<string, unknown>) => SandboxAnswer) =>
    (request: SandboxRequest): SandboxAnswer => {
      if (context.revoked || request.headers["x-external-api-key"] !== context.secretApiKey)
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
      handle: withKey((_request, session) => (session?.active === true ? ok({}) : denied())),
    },
    {
      method: "POST",
      path: "/auth/jwt",
      handle: withKey((_request, session) => {
        const user = session?.active === true ? store.user(session.userId) : undefined;
        return session === undefined || user === undefined
          ? denied()
          : ok(keys.issueJwt(user, session, context.jwtAudience));
      }),
    },
    {
      method: "POST",
      path: "/sessions/verify",
      handle: withSecret((body) => {
        const user = store.userByLookupId(body["verificationToken"]);
        if (user === undefined) return denied();
        const { authType, identifier, oAuthMethod } = user;
        return ok({ authType, identifier, ...(oAuthMethod === undefined ? {} : { oAuthMethod }) });
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
    { method: "GET", path: "/.well-known/jwks.json", handle: () => ok(keys.jwks()) },
    ...signingRoutes(store, withKey, apiUrl),
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
  const known = { ...app, sessionId: session.lookupId, sessionLookupId: session.lookupId };
  if (!session.active) return { ...known, isAuthenticated: false };
  return {
    ...known,
    isAuthenticated: true,
    userId: user.userId,
    currentWalletIds: { EVM: [user.walletId] },
  };
}
