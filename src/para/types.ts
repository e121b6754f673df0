/** The Para environments and their key prefixes (`beta_…`); the prefix of the key must match. */
export type ParaEnvironment = "beta" | "prod" | "sandbox" | "dev";

/** How a person proved who they are to Para, normalised (Para itself mixes cases and spellings). */
export type ParaAuthType =
  | "email"
  | "phone"
  | "farcaster"
  | "telegram"
  | "external_wallet"
  | "oauth";

/** Who a person is according to Para. `authType` and `identifier` together name an account, and one person. */
export interface ParaIdentity {
  readonly authType: ParaAuthType;
  /**
   * Normalised: e-mail trimmed and lower-case, phone `+` and digits, wallet checksummed. A handle, which is one person's at
   * one provider only, comes with the provider: `discord:alice`.
   */
  readonly identifier: string;
  /** The handle without the provider, as accounts were once named. */
  readonly formerIdentifier?: string;
  /** `google`, `x`, `discord`, … when the person came through that provider. */
  readonly oAuthMethod?: string;
}

export interface ParaWallet {
  readonly id: string;
  readonly type: "EVM" | "SOLANA" | "COSMOS";
  /** EVM addresses are checksummed; others are as Para states them. */
  readonly address: string;
}

/** What Para itself vouches for about an imported session; `exported` alone comes from the session text. */
export interface ParaSession {
  /** The session as it may be kept, encrypted: without the person's key share, which nothing here needs. */
  readonly exported: string;
  readonly identity: ParaIdentity;
  readonly paraUserId: string;
  readonly wallets: readonly ParaWallet[];
  /** When the session ends unless it is used again. */
  readonly sessionExpiresAt?: Date;
}

export interface ParaClientOptions {
  readonly environment: ParaEnvironment;
  /** The public API key, e.g. `beta_…`. */
  readonly apiKey: string;
  /** The secret API key: only `/sessions/verify` gets it. */
  readonly secretApiKey: string;
  /** The unique id of the API key: the audience of every Para JWT of this app. */
  readonly jwtAudience: string;
  /** Base URL of the Para API instead of the environment's own. */
  readonly apiUrl?: string;
  /** Limit of one call as a whole, milliseconds. */
  readonly timeoutMs: number;
}

export interface ParaClient {
  /**
   * Asks Para whose session a verification token belongs to.
   * @throws AppError refuse 401 `para_token_invalid`; retry `para_unavailable` for everything else.
   */
  verifyToken(verificationToken: string): Promise<ParaIdentity>;
  /**
   * Imports an exported session, proves with Para that it is alive, and returns what Para's signed JWT says.
   * @throws AppError refuse 400 `para_session_malformed`, 401 `para_session_inactive`,
   *   401 `para_jwt_invalid`; retry `para_unavailable`.
   */
  importSession(exported: string): Promise<ParaSession>;
}
