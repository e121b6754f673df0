import { createPublicKey, sign, type KeyObject } from "node:crypto";
import { deriveRsaKey } from "../seed.ts";
import { addressOf, publicKeyOf, type SandboxSession, type SandboxUser } from "./store.ts";

interface NamedKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** The keys the sandbox signs JWTs with, and those it publishes; in trouble the two are not the same. */
export class ParaKeys {
  readonly #seed: string;
  #made = 0;
  #signing: NamedKey;
  #published: NamedKey[];

  constructor(seed: string) {
    this.#seed = seed;
    this.#signing = this.#next();
    this.#published = [this.#signing];
  }

  /** Signs with a new key from now on, and publishes it beside the one before. */
  rotate(): void {
    this.#signing = this.#next();
    this.#published = [...this.#published.slice(-1), this.#signing];
  }

  /** Signs with a key that is not published, under the id of one that is (`named`) or under its own. */
  loseKey(named: boolean): void {
    const { kid } = this.#signing;
    const lost = this.#next();
    this.#signing = named ? { ...lost, kid } : lost;
  }

  jwks(): object {
    const keys = this.#published.map(({ kid, key }) => ({
      ...createPublicKey(key).export({ format: "jwk" }),
      kid,
      alg: "RS256",
      use: "sig",
    }));
    return { keys };
  }

  /** A JWT as docs.getpara.com shows it, signed RS256. */
  issueJwt(
    user: SandboxUser,
    session: SandboxSession,
    audience: string,
  ): { readonly token: string; readonly keyId: string } {
    const { userId, authType, identifier, oAuthMethod, walletId } = user;
    const claims = {
      data: {
        userId,
        wallets: [
          { id: walletId, type: "EVM", address: addressOf(user), publicKey: publicKeyOf(user) },
        ],
        connectedWallets: [],
        [authType]: identifier,
        authType,
        identifier,
        ...(oAuthMethod === undefined ? {} : { oAuthMethod }),
      },
      iat: Math.floor(Date.now() / 1000),
      exp: Math.floor(session.expiresAtMs / 1000),
      sub: userId,
      aud: audience,
    };
    const { kid, key } = this.#signing;
    const input = [{ alg: "RS256", typ: "JWT", kid }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = sign("sha256", Buffer.from(input), key).toString("base64url");
    return { token: `${input}.${signature}`, keyId: kid };
  }

  #next(): NamedKey {
    this.#made += 1;
    const seed = this.#made === 1 ? this.#seed : `${this.#seed} ${this.#made}`;
    return { kid: `sandbox-${this.#made}`, key: deriveRsaKey(seed) };
  }
}
