import type pg from "pg";

/**
 * What each part of the product may do in the database, by table. Nobody but the owner, who runs the migrations, may change the
 * schema. The API, which strangers talk to, cannot write what the chain said, what is sent to it or how a meeting came out;
 * the workers cannot read what people prove themselves with.
 */
export const DB_ROLES = {
  api: "meeting_auction_api",
  auctionWorker: "meeting_auction_worker",
  chainWorker: "meeting_auction_chain",
  /** `npm run ops`. */
  operator: "meeting_auction_operator",
} as const;
type Part = keyof typeof DB_ROLES;

const READ = "SELECT";
const ADD = "SELECT, INSERT";
const CHANGE = "SELECT, UPDATE";
const PUT = "SELECT, INSERT, UPDATE";
const WRITE = "SELECT, INSERT, UPDATE, DELETE";
/** Puts something there, or takes it away, and changes nothing about it. */
const PLACE = "SELECT, INSERT, DELETE";
/** Gives up a message to a process, and writes none. */
const GIVE_UP = "SELECT, UPDATE (delivered_at)";
/** An event gets its number when its transaction commits, by a trigger with the rights of whoever wrote it. */
const TELL = "SELECT, INSERT, UPDATE (seq)";
/** To lock rows one must be allowed to change something about them. */
const readAndLock = (column: string): string => `SELECT, UPDATE (${column})`;
/** Puts back a row that is missing, and changes none that is there. */
const restore = (column: string): string => `SELECT, INSERT, UPDATE (${column})`;
/** Deletes what has run out without reading what it holds. */
const forget = (column: string): string => `SELECT (${column}), DELETE`;

const readAll = { api: READ, auctionWorker: READ, chainWorker: READ, operator: READ };
const writeAll = { api: WRITE, auctionWorker: WRITE, chainWorker: WRITE, operator: READ };
const ofPeople = { api: WRITE, auctionWorker: READ, chainWorker: READ, operator: READ };
const ofChain = { api: READ, auctionWorker: READ, chainWorker: WRITE, operator: READ };

/** Of every table. Whoever is not named may do nothing. */
export const PRIVILEGES: Readonly<Record<string, Partial<Record<Part, string>>>> = {
  schema_migrations: readAll,
  // What people prove themselves with, sealed or as digests.
  para_sessions: { api: WRITE, auctionWorker: forget("expires_at") },
  spent_verification_tokens: { api: WRITE, auctionWorker: forget("expires_at") },
  wallet_challenges: { api: WRITE, auctionWorker: forget("expires_at") },
  idempotency_keys: { api: WRITE, auctionWorker: forget("created_at") },
  lit_gate_passes: { api: WRITE },
  webhook_secrets: { api: WRITE },
  // People and what they have told.
  users: ofPeople,
  wallets: ofPeople,
  // A trigger of auctions puts down what its host had announced, with the rights of whoever wrote the auction.
  auction_listings: { api: WRITE, auctionWorker: PUT, chainWorker: WRITE, operator: READ },
  announced_auctions: writeAll,
  webhooks: ofPeople,
  webhook_progress: ofPeople,
  webhook_deliveries: { api: WRITE, auctionWorker: WRITE, operator: READ },
  // The chain, as the indexer read it and as the sender wrote it.
  auctions: {
    api: READ,
    auctionWorker: restore("version"),
    chainWorker: WRITE,
    operator: READ,
  },
  bids: { ...ofChain, auctionWorker: ADD },
  chain_blocks: ofChain,
  chain_cursors: {
    api: READ,
    auctionWorker: readAndLock("state"),
    chainWorker: WRITE,
    operator: READ,
  },
  chain_dropped_blocks: ofChain,
  chain_unread_logs: ofChain,
  chain_logs: ofChain,
  chain_rebuilds: ofChain,
  chain_transactions: ofChain,
  chain_wallets: ofChain,
  // By operators: with npm run ops, or by an update of the wallet's process.
  chain_wallet_pauses: { ...readAll, auctionWorker: PLACE, operator: PLACE },
  chain_operations: { api: READ, auctionWorker: WRITE, chainWorker: WRITE, operator: READ },
  // Meetings: what was agreed, who came, how it came out.
  meetings: {
    api: readAndLock("version"),
    auctionWorker: WRITE,
    chainWorker: WRITE,
    operator: READ,
  },
  meeting_sessions: writeAll,
  meeting_rooms_left: writeAll,
  meeting_access_logs: { api: ADD, auctionWorker: ADD, chainWorker: ADD, operator: READ },
  meeting_attendance: ofPeople,
  meeting_occupancy: ofPeople,
  meeting_room_ends: ofPeople,
  meeting_extensions: { api: READ, auctionWorker: WRITE, chainWorker: READ, operator: READ },
  meeting_overrules: { api: READ, auctionWorker: WRITE, chainWorker: READ, operator: READ },
  // What is told to whom.
  events: { api: TELL, auctionWorker: WRITE, chainWorker: TELL, operator: READ },
  event_sequence: { api: CHANGE, auctionWorker: CHANGE, chainWorker: CHANGE, operator: CHANGE },
  pruned_event_causes: { api: READ, auctionWorker: WRITE, chainWorker: READ, operator: READ },
  notifications: writeAll,
  kept_notifications: writeAll,
  outbox: {
    api: ADD,
    auctionWorker: WRITE,
    chainWorker: ADD,
    operator: GIVE_UP,
  },
  operator_actions: { auctionWorker: ADD, operator: ADD },
};

/** Roles are there already, or another database of the server makes them in the same instant. */
const ROLE_EXISTS = "duplicate_object OR unique_violation";

/**
 * Makes the roles, which nobody can log in as, and gives them exactly what the table above says: a user of one's own is
 * `IN ROLE meeting_auction_api`. May run again at any time. Returns false, and changes nothing, where the owner may not make
 * roles and they are not there.
 */
export async function grantPrivileges(client: pg.Client): Promise<boolean> {
  for (const role of Object.values(DB_ROLES)) {
    const { rows } = await client.query<{ there: boolean; may: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS there, rolcreaterole OR rolsuper AS may FROM pg_roles WHERE rolname = current_user`,
      [role],
    );
    if (rows[0]?.there === true) continue;
    if (rows[0]?.may !== true) return false;
    await client.query(
      `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN ${ROLE_EXISTS} THEN NULL; END $$`,
    );
  }
  const everybody = Object.values(DB_ROLES).join(", ");
  const statements = [
    `GRANT USAGE ON SCHEMA public TO ${everybody}`,
    `REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
    ...Object.entries(PRIVILEGES).flatMap(([table, parts]) => [
      `REVOKE ALL ON ${table} FROM ${everybody}`,
      ...Object.entries(parts).map(
        ([part, privileges]) => `GRANT ${privileges} ON ${table} TO ${DB_ROLES[part as Part]}`,
      ),
    ]),
  ];
  await client.query(`BEGIN; ${statements.join("; ")}; COMMIT`);
  return true;
}

/** A login of one part's own. */
export interface Login {
  readonly part: Part;
  readonly name: string;
  readonly password: string;
}

/** Makes logins, or gives those that are there this password, and the rights of their part and no other's. */
export async function ensureLogins(client: pg.Client, logins: readonly Login[]): Promise<void> {
  for (const { part, name, password } of logins) {
    const [user, secret] = [client.escapeIdentifier(name), client.escapeLiteral(password)];
    await client.query(
      `DO $$ BEGIN CREATE ROLE ${user} LOGIN; EXCEPTION WHEN ${ROLE_EXISTS} THEN NULL; END $$`,
    );
    await client.query(`ALTER ROLE ${user} LOGIN PASSWORD ${secret}`);
    const others = Object.values(DB_ROLES).filter((role) => role !== DB_ROLES[part]);
    await client.query(`REVOKE ${others.join(", ")} FROM ${user}`);
    await client.query(`GRANT ${DB_ROLES[part]} TO ${user}`);
  }
}
