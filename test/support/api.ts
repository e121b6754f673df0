import { randomBytes } from "node:crypto";
import type { MikroORM } from "@mikro-orm/postgresql";
import type { Client } from "@temporalio/client";
import { SigningKey, Wallet } from "ethers";
import { io, type Socket } from "socket.io-client";
import { createRateLimits } from "../../src/api/limits/rate-limits.ts";
import type { ApiDeps } from "../../src/api/context.ts";
import { type Api, createApi } from "../../src/api/server.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import type { ChainReader, CreationCheck, PassOwnership } from "../../src/chain/reader.ts";
import { type ApiConfig, loadApiConfig } from "../../src/config.ts";
import type { Database, Queryable } from "../../src/db/database.ts";
import { createOrm } from "../../src/db/migrate.ts";
import { findAccount, type Account } from "../../src/db/people.ts";
import type { AuctionInput } from "../../src/domain/process.ts";
import { refused } from "../../src/errors.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import { claimDigest, type AccessGate } from "../../src/lit/index.ts";
import { rememberSecrets, testLogger } from "./logs.ts";
import type { ParaClient, ParaIdentity, ParaSession } from "../../src/para/index.ts";
import { openDatabase } from "./database.ts";
import { createTestDatabase, type TestDatabase } from "./stack.ts";

export const CHAIN_ID = 31_337;
export const AUCTION_CONTRACT = "0x5fbdb2315678afecb367f032d93f642f64180aa3";
export const PASS_CONTRACT = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512";
export const ORIGIN = "https://auctions.meeting-house.dev";
export const JITSI_SECRET = "the-integration-secret-of-the-tests!";

const pkp = new SigningKey(`0x${"77".repeat(32)}`);

/** The configuration of a test API; what differs is given as environment variables. */
export function testConfig(env: Record<string, string> = {}): ApiConfig {
  return loadApiConfig({
    NODE_ENV: "test",
    DATABASE_URL: "postgres://unused/unused",
    TEMPORAL_ADDRESS: "unused:7233",
    ETH_HTTP_ENDPOINT: "http://unused.invalid",
    AUCTION_CONTRACT_ADDRESS: AUCTION_CONTRACT,
    JITSI_DOMAIN: "meet.meeting-house.dev",
    JITSI_APP_ID: "meeting-auction",
    JITSI_SECRET: "the-room-token-secret-of-the-tests!!",
    FRONTEND_URL: ORIGIN,
    JWT_SECRET: "the-jwt-secret-of-the-tests-is-long-enough",
    ENCRYPTION_KEYS: `k2:${Buffer.alloc(32, 2).toString("base64")},k1:${Buffer.alloc(32, 1).toString("base64")}`,
    PARA_API_KEY: "beta_test",
    PARA_SECRET_API_KEY: "the-para-secret-of-the-tests",
    PARA_JWT_AUDIENCE: "audience",
    LIT_NETWORK: "datil-dev",
    LIT_ACTION_IPFS_CID: "QmRvUHhighTHrGgxTcVngUwpDiepA1TX2ayfJUiNVu7ugL",
    LIT_PKP_PUBLIC_KEY: pkp.publicKey,
    JITSI_INTEGRATION_SECRET: JITSI_SECRET,
    // A test is one caller that asks for everything at once.
    RATE_LIMITS: "read:100000,write:100000,auth:100000,integration:100000,refused:100000",
    ...env,
  });
}

/** A chain that says what a test wrote into it. */
export class FakeReader implements ChainReader {
  readonly chainId = CHAIN_ID;
  readonly auctionContract = AUCTION_CONTRACT;
  readonly passContract = PASS_CONTRACT;
  readonly creations = new Map<string, CreationCheck>();
  readonly passOwners = new Map<string, string>();
  /** Contract wallets, and the one signature each accepts. */
  readonly contractSignatures = new Map<string, string>();

  async auctionsCreatedIn(hash: string): Promise<CreationCheck> {
    return this.creations.get(hash) ?? { status: "pending" };
  }

  async passOwner(tokenId: string): Promise<PassOwnership> {
    const { number: blockNumber, hash: blockHash } = await this.head();
    return { owner: this.passOwners.get(tokenId) ?? null, blockNumber, blockHash };
  }

  async isContractSignatureValid(
    address: string,
    _hash: string,
    signature: string,
  ): Promise<boolean> {
    return this.contractSignatures.get(address.toLowerCase()) === signature;
  }

  async head(): Promise<{ number: number; hash: string; timestampS: number }> {
    return { number: 100, hash: `0x${"0".repeat(64)}`, timestampS: Math.floor(Date.now() / 1_000) };
  }
}

/** Para, where a verification token or session is good if a test put it there. */
export class FakePara implements ParaClient {
  readonly tokens = new Map<string, ParaIdentity>();
  readonly sessions = new Map<string, Omit<ParaSession, "exported">>();

  async verifyToken(token: string): Promise<ParaIdentity> {
    const identity = this.tokens.get(token);
    if (identity === undefined)
      throw refused("para_token_invalid", "Para does not know that token", 401);
    return identity;
  }

  async importSession(exported: string): Promise<ParaSession> {
    const session = this.sessions.get(exported);
    if (session === undefined)
      throw refused("para_session_inactive", "the Para session is not active", 401);
    return { ...session, exported };
  }
}

/** Lit nodes that sign every claim with the PKP of the test configuration. */
export class FakeGate implements AccessGate {
  readonly ready = true;
  calls = 0;

  async connect(): Promise<void> {}

  async prove({ claim }: Parameters<AccessGate["prove"]>[0]) {
    this.calls += 1;
    const digest = claimDigest(claim);
    return { signature: pkp.sign(digest).serialized, publicKey: pkp.publicKey, dataSigned: digest };
  }

  async close(): Promise<void> {}
}

export interface Person {
  readonly account: Account;
  readonly wallet: Wallet;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // Tests look into answers by what they expect; the router has checked the shape.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface RequestOptions {
  readonly method?: string;
  readonly token?: string;
  readonly json?: unknown;
  readonly headers?: Record<string, string>;
  readonly raw?: string;
}

/** One API on a port of its own, over a database that several may share. */
export class TestApi {
  readonly reader: FakeReader;
  readonly para: FakePara;
  readonly gate: FakeGate;
  readonly started: AuctionInput[];
  readonly deps: ApiDeps;
  readonly url: string;
  readonly #api: Api;
  readonly #sockets: Socket[] = [];

  constructor(parts: { api: Api; deps: ApiDeps; url: string; started: AuctionInput[] }) {
    this.#api = parts.api;
    this.deps = parts.deps;
    this.url = parts.url;
    this.started = parts.started;
    this.reader = parts.deps.reader as FakeReader;
    this.para = parts.deps.para as FakePara;
    this.gate = parts.deps.gate as FakeGate;
  }

  /** This node's sockets. */
  get io(): Api["io"] {
    return this.#api.io;
  }

  get db(): Database {
    return this.deps.db;
  }

  /** A user with a wallet, logged in. */
  async person(name = `p-${randomBytes(6).toString("hex")}`): Promise<Person> {
    const wallet = new Wallet(`0x${randomBytes(32).toString("hex")}`);
    const [row] = await this.db.query<{ id: string }>(
      "INSERT INTO users (auth_type, identifier) VALUES ('email', $1) RETURNING id",
      [`${name}@example.org`],
    );
    if (row === undefined) throw new Error("no user was written");
    await this.db.query(
      "INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, 'challenge')",
      [wallet.address.toLowerCase(), row.id],
    );
    const account = await findAccount(this.db, row.id);
    if (account === undefined) throw new Error("the user is not there");
    const { token } = issueAccessToken(account, this.deps.config.JWT_SECRET, 3_600);
    rememberSecrets(token, wallet.privateKey);
    return { account, wallet, token };
  }

  async request(path: string, options: RequestOptions = {}): Promise<Answer> {
    const body =
      options.raw ?? (options.json === undefined ? undefined : JSON.stringify(options.json));
    const response = await fetch(`${this.url}${path}`, {
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(options.json === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== "" ? JSON.parse(text) : undefined,
    };
  }

  /** A socket that does not reconnect by itself, not yet connected: attach listeners, then `connect()`. */
  socket(auth: object, headers: Record<string, string> = {}): Socket {
    const socket = io(this.url, {
      auth,
      transports: ["websocket"],
      reconnection: false,
      autoConnect: false,
      forceNew: true,
      extraHeaders: headers,
    });
    this.#sockets.push(socket);
    return socket;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.disconnect();
    await this.#api.close();
  }
}

/** Temporal that is not there: tests of updates give their own. */
const noTemporal = { workflow: {} } as unknown as Client;

export interface TestWorld {
  readonly db: Database;
  readonly orm: MikroORM;
  readonly databaseUrl: string;
  /** Starts an API; several share the database and, unless told otherwise, nothing else. */
  start(overrides?: Partial<ApiDeps>): Promise<TestApi>;
  close(): Promise<void>;
}

/** A database and whatever APIs a test file starts over it. */
export async function createTestWorld(): Promise<TestWorld> {
  const database: TestDatabase = await createTestDatabase();
  const db = openDatabase(database.url);
  const orm = createOrm(database.url);
  const apis: TestApi[] = [];
  return {
    db,
    orm,
    databaseUrl: database.url,
    async start(overrides = {}) {
      const started: AuctionInput[] = [];
      const config = overrides.config ?? testConfig();
      const deps: ApiDeps = {
        config,
        db,
        orm,
        temporal: noTemporal,
        reader: new FakeReader(),
        rules: {
          minDurationS: 60,
          maxDurationS: 604_800,
          timeBufferS: 300,
          maxExtensionS: 3_600,
          minIncrementBps: 500,
        },
        startAuction: async (input) => void started.push(input),
        para: new FakePara(),
        gate: new FakeGate(),
        jitsi: createRoomTokens({
          domain: config.JITSI_DOMAIN,
          appId: config.JITSI_APP_ID,
          secret: config.JITSI_SECRET.reveal(),
        }),
        logger: testLogger(),
        limits: createRateLimits({ quotas: config.RATE_LIMITS, logger: testLogger() }),
        health: async () => ({ ready: true, checks: { database: { ok: true } } }),
        ...overrides,
      };
      rememberSecrets(
        config.JWT_SECRET.reveal(),
        config.JITSI_SECRET.reveal(),
        config.JITSI_INTEGRATION_SECRET.reveal(),
        config.PARA_SECRET_API_KEY.reveal(),
        ...config.ENCRYPTION_KEYS.map(({ key }) => key.reveal()),
      );
      const api = createApi(deps);
      const port = await api.listen(0, "127.0.0.1");
      const test = new TestApi({ api, deps, url: `http://127.0.0.1:${port}`, started });
      apis.push(test);
      return test;
    },
    async close() {
      for (const api of apis) await api.close();
      await db.close();
      await orm.close(true);
      await database.drop();
    },
  };
}

export interface AuctionSeed {
  readonly auctionId?: string;
  readonly host: string;
  readonly phase?: string;
  readonly endsAt?: Date;
  readonly highBidWei?: string;
  readonly highBidder?: string;
  readonly winner?: string;
  readonly passOwner?: string;
}

let nextAuctionId = 1_000;

/** An auction as the indexer would have projected it. Returns its id. */
export async function seedAuction(db: Queryable, seed: AuctionSeed): Promise<string> {
  const id = seed.auctionId ?? String(nextAuctionId++);
  const endsAt = seed.endsAt ?? new Date(Date.now() + 3_600_000);
  const hash = `0x${randomBytes(32).toString("hex")}`;
  await db.query(
    `INSERT INTO auctions (chain_id, contract, auction_id, host, salt, phase, starts_at, ends_at, original_ends_at, meeting_starts_at, meeting_duration_s,
       reserve_price_wei, min_increment_wei, fee_bps, transferable, high_bid_wei, high_bidder, winner, pass_owner, last_pass_owner, steps, updated_block)
     VALUES ($1, $2, $3, $4, $5, $6, now(), $7, $7, $7::timestamptz + interval '1 hour', 1800, 1000, 10, 250, true, $8, $9, $10, $11, $11, $12, 5)`,
    [
      CHAIN_ID,
      AUCTION_CONTRACT,
      id,
      seed.host.toLowerCase(),
      hash,
      seed.phase ?? "bidding",
      endsAt,
      seed.highBidWei ?? null,
      seed.highBidder?.toLowerCase() ?? null,
      seed.winner?.toLowerCase() ?? null,
      seed.passOwner?.toLowerCase() ?? null,
      JSON.stringify({
        created: {
          transactionHash: hash,
          blockNumber: 5,
          at: new Date(Date.now() - 1_000).toISOString(),
        },
      }),
    ],
  );
  return id;
}

export interface MeetingSeed {
  readonly auctionId: string;
  readonly host: string;
  readonly winner: string;
  readonly state?: string;
  readonly startsAt?: Date;
  readonly endsAt?: Date;
}

/** A meeting as the workflow would have made it. */
export async function seedMeeting(
  db: Database,
  seed: MeetingSeed,
): Promise<{ id: string; roomName: string }> {
  const startsAt = seed.startsAt ?? new Date(Date.now() - 60_000);
  const endsAt = seed.endsAt ?? new Date(Date.now() + 1_800_000);
  const roomName = randomBytes(16).toString("hex");
  const [row] = await db.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, state, starts_at, ends_at, latest_ends_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9::timestamptz + interval '1 hour') RETURNING id`,
    [
      CHAIN_ID,
      AUCTION_CONTRACT,
      seed.auctionId,
      seed.host.toLowerCase(),
      seed.winner.toLowerCase(),
      roomName,
      seed.state ?? "open",
      startsAt,
      endsAt,
    ],
  );
  if (row === undefined) throw new Error("no meeting was written");
  return { id: row.id, roomName };
}

/** A sold auction with its meeting open, its pass owned by `winner` on the chain too. */
export async function seedSold(
  api: TestApi,
  host: Person,
  winner: Person,
  meeting: Partial<MeetingSeed> = {},
): Promise<{ auctionId: string; meetingId: string; roomName: string }> {
  const auctionId = await seedAuction(api.db, {
    host: host.wallet.address,
    phase: "sold",
    winner: winner.wallet.address,
    passOwner: winner.wallet.address,
    highBidWei: "5000",
    highBidder: winner.wallet.address,
  });
  api.reader.passOwners.set(auctionId, winner.wallet.address.toLowerCase());
  const { id, roomName } = await seedMeeting(api.db, {
    auctionId,
    host: host.wallet.address,
    winner: winner.wallet.address,
    ...meeting,
  });
  return { auctionId, meetingId: id, roomName };
}

/** Waits for one event of a socket. */
export function once<T = unknown>(socket: Socket, event: string): Promise<T> {
  return new Promise((resolve) => socket.once(event, (value: T) => resolve(value)));
}
