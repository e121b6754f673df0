import { endSessions, findAccount } from "../../db/people.ts";
import { NoBody } from "../schema.ts";
import { route } from "../route.ts";
import {
  ParaAuthBody,
  ParaSessionAnswer,
  ParaSessionBody,
  SessionAnswer,
  userView,
  VerifyAnswer,
  WalletBody,
  WalletChallengeAnswer,
  WalletChallengeBody,
  WalletsAnswer,
} from "./schema.ts";
import { signInBySession, signInByToken, type SignedIn } from "./sign-in.ts";
import { bindWalletBySignature, challengeWallet } from "./wallets.ts";

function sessionView({ token, expiresAt, account }: SignedIn) {
  return { token, expiresAt: expiresAt.toISOString(), user: userView(account) };
}

export const authRoutes = [
  route({
    method: "POST",
    path: "/api/auth/para-auth",
    operationId: "logInByParaToken",
    tag: "auth",
    summary: "Log in with a verification token of Para",
    policy: "anyone",
    rate: "auth",
    body: ParaAuthBody,
    responses: { 200: SessionAnswer },
    problems: [401, 409],
    handler: async ({ body }, deps) => ({
      status: 200,
      body: sessionView(await signInByToken(deps, body.verificationToken)),
    }),
  }),
  route({
    method: "POST",
    path: "/api/auth/para-session",
    operationId: "importParaSession",
    tag: "auth",
    summary: "Log in with an exported Para session, which binds its wallets",
    description: "With an access token, the session must belong to the same account.",
    policy: "maybe-user",
    rate: "auth",
    body: ParaSessionBody,
    responses: { 200: ParaSessionAnswer },
    problems: [403, 409],
    handler: async ({ body, user }, deps) => {
      const view = sessionView(await signInBySession(deps, body.session, user));
      return { status: 200, body: { ...view, wallets: view.user.wallets } };
    },
  }),
  route({
    method: "GET",
    path: "/api/auth/verify",
    operationId: "verifyToken",
    tag: "auth",
    summary: "The user behind the token",
    policy: "user",
    responses: { 200: VerifyAnswer },
    handler: async ({ user }) => ({
      status: 200,
      body: { user: userView(user), expiresAt: user.expiresAt.toISOString() },
    }),
  }),
  route({
    method: "POST",
    path: "/api/auth/logout",
    operationId: "logOut",
    tag: "auth",
    summary: "End every session of the user, sockets too",
    policy: "user",
    responses: { 204: NoBody },
    handler: async ({ user }, deps) => {
      await endSessions(deps.db, user.id);
      return { status: 204, body: undefined };
    },
  }),
  route({
    method: "POST",
    path: "/api/auth/wallet-challenge",
    operationId: "challengeWallet",
    tag: "auth",
    summary: "A one-time text to sign with a wallet that is to be bound",
    policy: "user",
    rate: "auth",
    body: WalletChallengeBody,
    responses: { 201: WalletChallengeAnswer },
    handler: async ({ body, user }, deps) => {
      const { id, message, expiresAt } = await challengeWallet(deps, user, body.address);
      return {
        status: 201,
        body: { challengeId: id, message, expiresAt: expiresAt.toISOString() },
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/auth/wallets",
    operationId: "bindWallet",
    tag: "auth",
    summary: "Bind a wallet by its signature over a challenge",
    description:
      "Contract wallets are asked on chain (EIP-1271), also before they are deployed (EIP-6492).",
    policy: "user",
    rate: "auth",
    body: WalletBody,
    responses: { 200: WalletsAnswer },
    problems: [403, 409],
    handler: async ({ body, user }, deps) => {
      await bindWalletBySignature(deps, user, body.challengeId, body.signature);
      const account = await findAccount(deps.db, user.id);
      return { status: 200, body: { wallets: userView(account ?? user).wallets } };
    },
  }),
];
