import { Migration } from "@mikro-orm/migrations";

const ADDRESS = "CHECK (VALUE ~ '^0x[0-9a-f]{40}$')";
const HASH = "CHECK (VALUE ~ '^0x[0-9a-f]{64}$')";

/** The first released schema. Addresses and hashes are lower-case hexadecimal; amounts are wei. */
export class Migration20261122000000_initial extends Migration {
  override up(): void {
    this.addSql(`CREATE DOMAIN eth_address AS text ${ADDRESS}`);
    this.addSql(`CREATE DOMAIN eth_hash AS text ${HASH}`);
    this.addSql(`CREATE DOMAIN wei AS numeric(78,0) CHECK (VALUE >= 0)`);
    for (const statement of [...PEOPLE, ...PROJECTIONS, ...CHAIN, ...MEETINGS, ...DELIVERY])
      this.addSql(statement);
  }
}

const PEOPLE = [
  `CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    auth_type text NOT NULL,
    identifier text NOT NULL,
    display_name text,
    -- Raised by logout: every token of an earlier epoch is void.
    session_epoch integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (auth_type, identifier)
  )`,
  `CREATE TABLE wallets (
    address eth_address PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users(id),
    source text NOT NULL CHECK (source IN ('para', 'challenge')),
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX wallets_user_id ON wallets (user_id)`,
  `CREATE TABLE wallet_challenges (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id uuid NOT NULL REFERENCES users(id),
    address eth_address NOT NULL,
    message text NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at timestamptz
  )`,
  `CREATE TABLE para_sessions (
    user_id uuid PRIMARY KEY REFERENCES users(id),
    key_id text NOT NULL,
    iv bytea NOT NULL,
    ciphertext bytea NOT NULL,
    auth_tag bytea NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
];

/** What the chain says, projected from canonical logs; only the indexer writes here (auction_listings: the host). */
const PROJECTIONS = [
  `CREATE TABLE auctions (
    chain_id bigint NOT NULL,
    contract eth_address NOT NULL,
    auction_id numeric(78,0) NOT NULL,
    host eth_address NOT NULL,
    salt eth_hash NOT NULL,
    phase text NOT NULL CHECK (phase IN ('bidding', 'sold', 'unsold', 'cancelled', 'closed')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    original_ends_at timestamptz NOT NULL,
    meeting_starts_at timestamptz NOT NULL,
    meeting_duration_s integer NOT NULL,
    reserve_price_wei wei NOT NULL,
    min_increment_wei wei NOT NULL,
    fee_bps integer NOT NULL,
    transferable boolean NOT NULL,
    high_bidder eth_address,
    high_bid_wei wei,
    bid_count integer NOT NULL DEFAULT 0,
    winner eth_address,
    pass_owner eth_address,
    -- Kept when the pass is burned.
    last_pass_owner eth_address,
    outcome smallint,
    host_paid_wei wei,
    refund_wei wei,
    -- The proof of each step: {"created": {"transactionHash", "blockNumber", "at"}, "ended": …}.
    steps jsonb NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    updated_block bigint NOT NULL,
    PRIMARY KEY (chain_id, contract, auction_id)
  )`,
  `CREATE INDEX auctions_active ON auctions (chain_id, contract, ends_at, auction_id) WHERE phase = 'bidding'`,
  `CREATE INDEX auctions_host ON auctions (host, auction_id)`,
  `CREATE INDEX auctions_last_pass_owner ON auctions (last_pass_owner) WHERE last_pass_owner IS NOT NULL`,
  `CREATE TABLE auction_listings (
    chain_id bigint NOT NULL,
    contract eth_address NOT NULL,
    auction_id numeric(78,0) NOT NULL,
    user_id uuid NOT NULL REFERENCES users(id),
    title text NOT NULL,
    description text NOT NULL,
    transaction_hash eth_hash NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, contract, auction_id)
  )`,
  `CREATE INDEX auction_listings_user_id ON auction_listings (user_id, auction_id)`,
  `CREATE TABLE bids (
    chain_id bigint NOT NULL,
    block_hash eth_hash NOT NULL,
    log_index integer NOT NULL,
    contract eth_address NOT NULL,
    auction_id numeric(78,0) NOT NULL,
    bidder eth_address NOT NULL,
    amount_wei wei NOT NULL,
    ends_at timestamptz NOT NULL,
    block_number bigint NOT NULL,
    placed_at timestamptz NOT NULL,
    transaction_hash eth_hash NOT NULL,
    PRIMARY KEY (chain_id, block_hash, log_index)
  )`,
  `CREATE INDEX bids_auction ON bids (chain_id, contract, auction_id, block_number DESC, log_index DESC)`,
  `CREATE INDEX bids_bidder ON bids (bidder)`,
];

const CHAIN = [
  `CREATE TABLE chain_blocks (
    chain_id bigint NOT NULL,
    number bigint NOT NULL,
    hash eth_hash NOT NULL,
    parent_hash eth_hash NOT NULL,
    timestamp_s bigint NOT NULL,
    PRIMARY KEY (chain_id, number)
  )`,
  `CREATE TABLE chain_logs (
    chain_id bigint NOT NULL,
    block_hash eth_hash NOT NULL,
    log_index integer NOT NULL,
    block_number bigint NOT NULL,
    block_timestamp_s bigint NOT NULL,
    transaction_hash eth_hash NOT NULL,
    address eth_address NOT NULL,
    auction_id numeric(78,0),
    event text NOT NULL,
    args jsonb NOT NULL,
    -- False once a reorg has dropped the block; kept, so that what was once told can be explained.
    canonical boolean NOT NULL DEFAULT true,
    -- How often it has become canonical.
    sightings integer NOT NULL DEFAULT 1,
    PRIMARY KEY (chain_id, block_hash, log_index)
  )`,
  `CREATE INDEX chain_logs_auction ON chain_logs (chain_id, auction_id, block_number, log_index) WHERE canonical`,
  `CREATE INDEX chain_logs_block ON chain_logs (chain_id, block_number) WHERE canonical`,
  `CREATE TABLE chain_cursors (
    chain_id bigint NOT NULL,
    stream text NOT NULL,
    genesis_hash eth_hash NOT NULL,
    block_number bigint NOT NULL,
    block_hash eth_hash NOT NULL,
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'halted')),
    reason text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, stream)
  )`,
  `CREATE TABLE chain_operations (
    key text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('end', 'mint', 'settle')),
    chain_id bigint NOT NULL,
    contract eth_address NOT NULL,
    auction_id numeric(78,0) NOT NULL,
    -- settle: the outcome to settle with.
    outcome smallint,
    -- Block timestamp (seconds) before which the operation must not be included.
    not_before_s bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'signed', 'broadcast', 'mined', 'final', 'refused')),
    -- True once the workflow has been told; it is told again if a reorg undoes the operation.
    settled boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    wallet eth_address,
    nonce bigint,
    workflow_id text NOT NULL,
    result jsonb,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((wallet IS NULL) = (nonce IS NULL)),
    CHECK (state IN ('pending', 'refused') OR nonce IS NOT NULL)
  )`,
  `CREATE INDEX chain_operations_due ON chain_operations (chain_id, not_before_s) WHERE state = 'pending'`,
  `CREATE INDEX chain_operations_nonce ON chain_operations (chain_id, wallet, nonce) WHERE nonce IS NOT NULL`,
  `CREATE TABLE chain_transactions (
    hash eth_hash PRIMARY KEY,
    chain_id bigint NOT NULL,
    wallet eth_address NOT NULL,
    nonce bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('end', 'mint', 'settle', 'cancel')),
    operation_keys text[] NOT NULL,
    raw_transaction text NOT NULL,
    gas_limit bigint NOT NULL,
    max_fee_per_gas_wei wei NOT NULL,
    max_priority_fee_per_gas_wei wei NOT NULL,
    state text NOT NULL DEFAULT 'signed' CHECK (state IN ('signed', 'broadcast', 'mined', 'final', 'replaced')),
    -- The transaction of the same nonce that this one outbids; the first of a nonce has none.
    replaces eth_hash REFERENCES chain_transactions(hash),
    created_at timestamptz NOT NULL DEFAULT now(),
    signed_at_block bigint NOT NULL,
    broadcast_at timestamptz,
    last_broadcast_at timestamptz,
    last_send_error text,
    block_number bigint,
    block_hash eth_hash,
    status smallint
  )`,
  `CREATE UNIQUE INDEX chain_transactions_first_of_nonce ON chain_transactions (chain_id, wallet, nonce) WHERE replaces IS NULL`,
  `CREATE INDEX chain_transactions_live ON chain_transactions (chain_id, wallet, nonce) WHERE state IN ('signed', 'broadcast', 'mined')`,
];

const MEETINGS = [
  `CREATE TABLE meetings (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    chain_id bigint NOT NULL,
    contract eth_address NOT NULL,
    auction_id numeric(78,0) NOT NULL,
    host eth_address NOT NULL,
    winner eth_address NOT NULL,
    -- Knowing the name is half of getting in: never in a public answer.
    room_name text NOT NULL UNIQUE,
    state text NOT NULL DEFAULT 'scheduled' CHECK (state IN ('scheduled', 'open', 'closing', 'closed', 'withdrawn')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    latest_ends_at timestamptz NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    outcome smallint,
    created_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    UNIQUE (chain_id, contract, auction_id)
  )`,
  `CREATE INDEX meetings_host ON meetings (host)`,
  `CREATE INDEX meetings_winner ON meetings (winner)`,
  `CREATE TABLE meeting_attendance (
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    occupant_id text NOT NULL,
    role text CHECK (role IN ('host', 'winner')),
    joined_at timestamptz,
    left_at timestamptz,
    PRIMARY KEY (meeting_id, occupant_id)
  )`,
  `CREATE TABLE meeting_access_logs (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    user_id uuid NOT NULL REFERENCES users(id),
    wallet eth_address,
    role text CHECK (role IN ('host', 'winner')),
    granted boolean NOT NULL,
    reason text NOT NULL,
    checked jsonb NOT NULL,
    block_number bigint,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX meeting_access_logs_meeting ON meeting_access_logs (meeting_id, created_at)`,
  `CREATE TABLE lit_gate_passes (
    nonce text PRIMARY KEY,
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    user_id uuid NOT NULL REFERENCES users(id),
    wallet eth_address NOT NULL,
    claim jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at timestamptz,
    proof jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
];

const DELIVERY = [
  `CREATE TABLE notifications (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id uuid NOT NULL REFERENCES users(id),
    -- One notification per cause: a repeated activity writes nothing new.
    cause text NOT NULL,
    type text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, cause)
  )`,
  `CREATE INDEX notifications_inbox ON notifications (user_id, id DESC)`,
  `CREATE TABLE event_sequence (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), last_seq bigint NOT NULL)`,
  `INSERT INTO event_sequence (last_seq) VALUES (0)`,
  `CREATE TABLE events (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    seq bigint UNIQUE,
    type text NOT NULL,
    -- Rooms: 'public', 'user:<id>', 'auction:<id>', 'wallet:<address>'.
    audience text[] NOT NULL CHECK (cardinality(audience) > 0),
    data jsonb NOT NULL,
    cause text UNIQUE,
    occurred_at timestamptz NOT NULL DEFAULT now()
  )`,
  // Numbering at commit, under a row lock held only for the commit, is what makes seq both gapless and in
  // commit order: an identity column hands numbers out at insert, so a reader can pass a number that appears later.
  `CREATE FUNCTION number_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE next_seq bigint;
    BEGIN
      UPDATE event_sequence SET last_seq = last_seq + 1 RETURNING last_seq INTO next_seq;
      UPDATE events SET seq = next_seq WHERE id = NEW.id;
      PERFORM pg_notify('events', next_seq::text);
      RETURN NULL;
    END $$`,
  `CREATE CONSTRAINT TRIGGER number_event AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_event()`,
  `CREATE INDEX events_audience ON events USING gin (audience)`,
  `CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('start-auction', 'signal')),
    -- start-auction: the workflow's input; signal: {"signal", "args"}.
    payload jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT now(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
  )`,
  `CREATE INDEX outbox_undelivered ON outbox (id) WHERE delivered_at IS NULL`,
  `CREATE FUNCTION wake_listeners() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify(TG_ARGV[0], '');
      RETURN NULL;
    END $$`,
  `CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION wake_listeners('outbox')`,
  `CREATE TRIGGER chain_operations_wake AFTER INSERT OR UPDATE OF not_before_s ON chain_operations FOR EACH STATEMENT EXECUTE FUNCTION wake_listeners('chain_operations')`,
  `CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL REFERENCES users(id),
    key text NOT NULL,
    fingerprint text NOT NULL,
    status integer,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
  )`,
];
