import { isAddress } from "ethers";
import {
  type Account,
  bindWallets,
  ensureUser,
  findAccount,
  findUserId,
  holdAccount,
  mayHaveFormerAccount,
  ownersOfWallets,
} from "../../db/people.ts";
import { saveParaSession, spendVerificationToken } from "../../db/credentials.ts";
import { type AppError, refused } from "../../errors.ts";
import type { ParaIdentity } from "../../para/index.ts";
import type { ApiDeps } from "../context.ts";
import { seal } from "./sealing.ts";
import { type AccessToken, issueAccessToken } from "./tokens.ts";

export interface SignedIn extends AccessToken {
  readonly account: Account;
}

/** @throws AppError 401 `token_invalid` where the account is not there any more */
function signIn(deps: ApiDeps, account: Account | undefined): SignedIn {
  if (account === undefined) throw loggedOut();
  return { account, ...issueAccessToken(account, deps.config.JWT_SECRET, deps.config.JWT_TTL_S) };
}

function loggedOut(): AppError {
  return refused("token_invalid", "the access token is not valid (any more); log in again", 401);
}

/** The wallet a person came with, where that is how they proved who they are. */
function loginWallet(identity: ParaIdentity): string[] {
  return identity.authType === "external_wallet" && isAddress(identity.identifier)
    ? [identity.identifier.toLowerCase()]
    : [];
}

/**
 * Signs in whoever Para says a verification token belongs to, once. For Para the token is good as long as its session, so
 * somebody who sees it later (in a log of the frontend, a browser's history, a proxy) could come back with it for as long;
 * here it is spent by the login it was made for. Who has used theirs up signs in with the session or signs in anew at Para.
 * @throws AppError refuse 401 `para_token_spent`, 409 `para_session_needed`, and what Para's client throws.
 */
export async function signInByToken(deps: ApiDeps, verificationToken: string): Promise<SignedIn> {
  const identity = await deps.para.verifyToken(verificationToken);
  // A handle alone does not say which provider's it was when the account was made; the wallets of the session do.
  if (await mayHaveFormerAccount(deps.db, identity))
    throw refused(
      "para_session_needed",
      "there is an account of this name from before names were told apart by provider: log in once with the exported session, whose wallets show whether it is yours",
      409,
    );
  const userId = await ensureUser(deps.orm, identity);
  const [wallet] = loginWallet(identity);
  // A wallet bound elsewhere stays there: it is no reason to refuse the login, which needs no wallet.
  if (
    wallet !== undefined &&
    ((await ownersOfWallets(deps.db, [wallet])).get(wallet) ?? userId) === userId
  )
    await deps.db.transaction((tx) => bindWallets(tx, userId, [wallet], "para"));
  const signedIn = signIn(deps, await findAccount(deps.db, userId));
  // Last, so that a login that fails on our side can be tried again with the same token.
  if (!(await spendVerificationToken(deps.db, verificationToken)))
    throw refused(
      "para_token_spent",
      "this verification token has logged somebody in before; sign in again with Para, or send the exported session",
      401,
    );
  return signedIn;
}

/**
 * Signs in by an exported Para session, binds its wallets and keeps the session encrypted. Somebody who is signed in
 * already may only bring a session of their own: otherwise one person's wallets could be grafted on another's account. Who
 * logs out while Para is asked has logged out: nothing is kept, and there is no new token.
 * @throws AppError refuse 401 `token_invalid` after such a logout, 403 `para_session_of_another`, 409 `wallet_taken`, and what Para's client throws.
 */
export async function signInBySession(
  deps: ApiDeps,
  exported: string,
  signedIn: Account | undefined,
): Promise<SignedIn> {
  const session = await deps.para.importSession(exported);
  const addresses = [
    ...session.wallets
      .filter((wallet) => wallet.type === "EVM")
      .map((wallet) => wallet.address.toLowerCase()),
    ...loginWallet(session.identity),
  ];
  const known = await findUserId(deps.db, session.identity, addresses);
  if (signedIn !== undefined && known !== signedIn.id) {
    throw refused(
      "para_session_of_another",
      "the session belongs to another account than the one you are logged in to; log out first",
      403,
    );
  }
  const userId = known ?? (await ensureUser(deps.orm, session.identity));
  return deps.db.transaction(async (tx) => {
    const before = await holdAccount(tx, userId);
    if (signedIn !== undefined && before?.sessionEpoch !== signedIn.sessionEpoch) throw loggedOut();
    await bindWallets(tx, userId, [...new Set(addresses)], "para");
    await saveParaSession(tx, userId, {
      ...seal(deps.config.ENCRYPTION_KEYS, session.exported, userId),
      expiresAt: session.sessionExpiresAt ?? null,
    });
    return signIn(deps, await findAccount(tx, userId));
  });
}
