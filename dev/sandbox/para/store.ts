import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { computeAddress, SigningKey } from "ethers";
import { z } from "zod";
import { derive, derivePrivateKey, deriveUuid } from "../seed.ts";

const sandboxUser = z.object({
  userId: z.string(),
  /** As Para spells it: `email`, `phone`, `farcaster`, `telegram`, `externalWallet`. */
  authType: z.string(),
  identifier: z.string(),
  oAuthMethod: z.string().optional(),
  walletId: z.string(),
  privateKey: z.string(),
  /** The person's half of the key: it signs nothing without Para's. */
  share: z.string(),
});

const sandboxSession = z.object({
  userId: z.string(),
  /** Value of the `x-capsule-sid` header. */
  cookie: z.string(),
  /** The verification token of the client SDK. */
  lookupId: z.string(),
  expiresAtMs: z.number(),
  /** False: the session is there, but whoever opened it has not finished logging in. */
  active: z.boolean(),
});

const state = z.object({ users: z.array(sandboxUser), sessions: z.array(sandboxSession) });

export type SandboxUser = z.infer<typeof sandboxUser>;
export type SandboxSession = z.infer<typeof sandboxSession>;
export type SandboxIdentity = Pick<SandboxUser, "authType" | "identifier" | "oAuthMethod">;
type State = z.infer<typeof state>;

const SESSION_MS = 2 * 60 * 60 * 1000; // Para's default session length

/** The people and sessions of the sandbox; kept in `stateFile` across restarts when one is given. */
export class ParaStore {
  readonly #seed: string;
  readonly #stateFile: string | undefined;
  readonly #state: State;

  constructor(seed: string, stateFile: string | undefined) {
    this.#seed = seed;
    this.#stateFile = stateFile;
    this.#state = stateFile === undefined ? { users: [], sessions: [] } : load(stateFile);
  }

  /** The user with this identity; made on first sight, and the same one for the same seed. */
  upsertUser(identity: SandboxIdentity, privateKey: string | undefined): SandboxUser {
    const { authType, identifier } = identity;
    const known = this.#state.users.find(
      (user) => user.authType === authType && user.identifier === identifier,
    );
    if (known !== undefined) return known;
    const name = authType === "email" ? identifier : `${authType} ${identifier}`;
    const user = {
      ...identity,
      userId: deriveUuid(this.#seed, `user ${name}`),
      walletId: deriveUuid(this.#seed, `wallet ${name}`),
      privateKey: privateKey ?? derivePrivateKey(this.#seed, `key ${name}`),
      share: derive(this.#seed, `share ${name}`).toString("base64"),
    };
    this.#state.users.push(user);
    this.#save();
    return user;
  }

  openSession(user: SandboxUser, lengthMs = SESSION_MS): SandboxSession {
    const purpose = `session ${user.userId} ${this.#state.sessions.length}`;
    const session = {
      userId: user.userId,
      cookie: `s:${derive(this.#seed, `cookie ${purpose}`).toString("base64url")}`,
      lookupId: deriveUuid(this.#seed, `lookup ${purpose}`),
      expiresAtMs: Date.now() + lengthMs,
      active: true,
    };
    this.#state.sessions.push(session);
    this.#save();
    return session;
  }

  user(userId: string): SandboxUser | undefined {
    return this.#state.users.find((user) => user.userId === userId);
  }

  userByAddress(address: string): SandboxUser | undefined {
    return this.#state.users.find(
      (user) => addressOf(user).toLowerCase() === address.toLowerCase(),
    );
  }

  userByWallet(walletId: string): SandboxUser | undefined {
    return this.#state.users.find((user) => user.walletId === walletId);
  }

  /** The session of a cookie that has not ended, logged in or not. */
  sessionByCookie(cookie: unknown): SandboxSession | undefined {
    return this.#state.sessions.find(
      (session) => session.cookie === cookie && session.expiresAtMs > Date.now(),
    );
  }

  /** The person whose verification token this is, while their session is alive. */
  userByLookupId(lookupId: unknown): SandboxUser | undefined {
    const session = this.#state.sessions.find(
      (one) => one.lookupId === lookupId && one.active && one.expiresAtMs > Date.now(),
    );
    return session === undefined ? undefined : this.user(session.userId);
  }

  /** Changes the session behind a verification token; false when there is none. */
  changeSession(
    lookupId: string,
    change: Partial<Pick<SandboxSession, "expiresAtMs" | "active">>,
  ): boolean {
    const session = this.#state.sessions.find((one) => one.lookupId === lookupId);
    if (session === undefined) return false;
    Object.assign(session, change);
    this.#save();
    return true;
  }

  #save(): void {
    if (this.#stateFile === undefined) return;
    writeFileSync(`${this.#stateFile}.new`, JSON.stringify(this.#state, undefined, 1), {
      mode: 0o600,
    });
    renameSync(`${this.#stateFile}.new`, this.#stateFile);
  }
}

export function addressOf(user: SandboxUser): string {
  return computeAddress(user.privateKey);
}

export function publicKeyOf(user: SandboxUser): string {
  return SigningKey.computePublicKey(user.privateKey);
}

/** What `exportSession` of the client SDK gives for a session: with the person's share, or without (`excludeSigners`). */
export function exportSession(
  user: SandboxUser,
  session: SandboxSession,
  options: { readonly partnerId: string; readonly withSigner: boolean },
): string {
  const wallet = {
    id: user.walletId,
    address: addressOf(user),
    type: "EVM",
    scheme: "DKLS",
    publicKey: publicKeyOf(user),
    userId: user.userId,
    partnerId: options.partnerId,
    ...(options.withSigner ? { signer: user.share } : {}),
  };
  const { authType, identifier } = user;
  const exported = {
    authInfo: { authType, identifier, auth: { [authType]: identifier } },
    userId: user.userId,
    wallets: { [user.walletId]: wallet },
    currentWalletIds: { EVM: [user.walletId] },
    sessionCookie: session.cookie,
    externalWallets: {},
  };
  return Buffer.from(JSON.stringify(exported)).toString("base64");
}

function load(file: string): State {
  try {
    return state.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return { users: [], sessions: [] };
    throw error;
  }
}
