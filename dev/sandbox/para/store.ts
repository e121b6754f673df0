import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { computeAddress, SigningKey } from "ethers";
import { z } from "zod";
import { derive, derivePrivateKey, deriveUuid } from "../seed.ts";

const sandboxUser = z.object({
  userId: z.string(),
  email: z.string(),
  walletId: z.string(),
  privateKey: z.string(),
});

const sandboxSession = z.object({
  userId: z.string(),
  /** Value of the `x-capsule-sid` header. */
  cookie: z.string(),
  /** The verification token of the client SDK. */
  lookupId: z.string(),
  expiresAtMs: z.number(),
});

const state = z.object({ users: z.array(sandboxUser), sessions: z.array(sandboxSession) });

export type SandboxUser = z.infer<typeof sandboxUser>;
export type SandboxSession = z.infer<typeof sandboxSession>;
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

  /** The user with this e-mail address; made on first sight, and the same one for the same seed. */
  upsertUser(email: string, privateKey: string | undefined): SandboxUser {
    const known = this.#state.users.find((user) => user.email === email);
    if (known !== undefined) return known;
    const user = {
      userId: deriveUuid(this.#seed, `user ${email}`),
      email,
      walletId: deriveUuid(this.#seed, `wallet ${email}`),
      privateKey: privateKey ?? derivePrivateKey(this.#seed, `key ${email}`),
    };
    this.#state.users.push(user);
    this.#save();
    return user;
  }

  openSession(user: SandboxUser): SandboxSession {
    const purpose = `session ${user.email} ${this.#state.sessions.length}`;
    const session = {
      userId: user.userId,
      cookie: `s:${derive(this.#seed, `cookie ${purpose}`).toString("base64url")}`,
      lookupId: deriveUuid(this.#seed, `lookup ${purpose}`),
      expiresAtMs: Date.now() + SESSION_MS,
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

  liveSessionByCookie(cookie: unknown): SandboxSession | undefined {
    return this.#state.sessions.find(
      (session) => session.cookie === cookie && session.expiresAtMs > Date.now(),
    );
  }

  liveSessionByLookupId(lookupId: unknown): SandboxSession | undefined {
    return this.#state.sessions.find(
      (session) => session.lookupId === lookupId && session.expiresAtMs > Date.now(),
    );
  }

  /** Ends the session behind a verification token now; false when there is none. */
  expireSession(lookupId: string): boolean {
    const session = this.#state.sessions.find((one) => one.lookupId === lookupId);
    if (session === undefined) return false;
    session.expiresAtMs = 0;
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

/** What `exportSession({excludeSigners: true})` of the client SDK gives for a session. */
export function exportSession(
  user: SandboxUser,
  session: SandboxSession,
  partnerId: string,
): string {
  const wallet = {
    id: user.walletId,
    address: addressOf(user),
    type: "EVM",
    scheme: "DKLS",
    publicKey: publicKeyOf(user),
    userId: user.userId,
    partnerId,
  };
  const exported = {
    authInfo: { authType: "email", identifier: user.email, auth: { email: user.email } },
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
