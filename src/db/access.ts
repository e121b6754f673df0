import { createHash } from "node:crypto";
import type { AccessClaim, LitProof } from "../lit/index.ts";
import { first, type Queryable, type Transactor } from "./database.ts";
import type { Deployment } from "./reads.ts";
import { lockEnterable, type NewSession, openSession } from "./sessions.ts";

export type MeetingRole = "host" | "winner";

/** A meeting with the last known owner of its pass (the winner until the pass exists and after it is burned). */
export interface MeetingRow {
  readonly id: string;
  readonly auctionId: string;
  readonly title: string | null;
  readonly host: string;
  readonly winner: string;
  readonly passOwner: string;
  /** Whether the projection has ever seen its pass; false for a meeting that was withdrawn. */
  readonly isMinted: boolean;
  readonly roomName: string;
  readonly state: "scheduled" | "open" | "closing" | "closed" | "withdrawn";
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly latestEndsAt: Date;
  readonly openedAt: Date | null;
  readonly closedAt: Date | null;
  readonly closedBy: string | null;
  readonly outcome: number | null;
  readonly version: number;
}

/** The pass of a meeting that was withdrawn is gone: the one there is belongs to a later sale. */
const PASS_OWNER = `CASE WHEN m.state = 'withdrawn' THEN m.winner ELSE coalesce(a.last_pass_owner, m.winner) END`;

const MEETING = `
  SELECT m.id, m.auction_id AS "auctionId", l.title, m.host, m.winner, ${PASS_OWNER} AS "passOwner",
         (m.state <> 'withdrawn' AND a.last_pass_owner IS NOT NULL) AS "isMinted", m.room_name AS "roomName", m.state,
         m.starts_at AS "startsAt", m.ends_at AS "endsAt", m.latest_ends_at AS "latestEndsAt", m.opened_at AS "openedAt", m.closed_at AS "closedAt",
         m.closed_by AS "closedBy", m.outcome, m.version
  FROM meetings m
  LEFT JOIN auctions a USING (chain_id, contract, auction_id)
  LEFT JOIN auction_listings l USING (chain_id, contract, auction_id)`;

export async function findMeeting(
  db: Queryable,
  meetingId: string,
): Promise<MeetingRow | undefined> {
  return first<MeetingRow>(db, `${MEETING} WHERE m.id = $1`, [meetingId]);
}

/** The meeting of an auction that stands; where none does, the one that was withdrawn last. */
export async function findMeetingOfAuction(
  db: Queryable,
  at: Deployment,
  auctionId: string,
): Promise<MeetingRow | undefined> {
  return first<MeetingRow>(
    db,
    `${MEETING} WHERE m.chain_id = $1 AND m.contract = $2 AND m.auction_id = $3 ORDER BY m.state = 'withdrawn', m.id DESC LIMIT 1`,
    [at.chainId, at.contract, auctionId],
  );
}

/** The meeting whose room has that name (lower-case) now. */
export async function findMeetingOfRoom(
  db: Queryable,
  roomName: string,
): Promise<MeetingRow | undefined> {
  return first<MeetingRow>(db, `${MEETING} WHERE m.room_name = $1`, [roomName]);
}

/** The meeting whose room has or had that name (lower-case): what is told of a room it has left still concerns it. */
export async function findMeetingOfAnyRoom(
  db: Queryable,
  roomName: string,
): Promise<MeetingRow | undefined> {
  return first<MeetingRow>(
    db,
    `${MEETING} WHERE m.id IN (SELECT id FROM meetings WHERE room_name = $1 UNION SELECT meeting_id FROM meeting_rooms_left WHERE room_name = $1)`,
    [roomName],
  );
}

/** Meetings any of the wallets hosts or owns the pass of, newest first. */
export async function meetingsOf(
  db: Queryable,
  page: {
    readonly wallets: readonly string[];
    readonly before: string | undefined;
    readonly limit: number;
  },
): Promise<readonly MeetingRow[]> {
  // The three ways in are apart so that each can use its index; a meeting's id is a UUIDv7, so its order is that of time.
  return db.query<MeetingRow>(
    `${MEETING}
     WHERE m.id IN (
       SELECT id FROM meetings WHERE host = ANY($1::text[])
       UNION SELECT id FROM meetings WHERE winner = ANY($1::text[])
       UNION SELECT pm.id FROM auctions pa JOIN meetings pm USING (chain_id, contract, auction_id) WHERE pa.last_pass_owner = ANY($1::text[])
     )
     AND (m.host = ANY($1::text[]) OR ${PASS_OWNER} = ANY($1::text[]))
     AND ($2::uuid IS NULL OR m.id < $2)
     ORDER BY m.id DESC LIMIT $3`,
    [page.wallets, page.before ?? null, page.limit],
  );
}

export interface GatePass {
  readonly nonce: string;
  readonly meetingId: string;
  readonly userId: string;
  readonly wallet: string;
  readonly claim: AccessClaim;
  readonly expiresAt: Date;
  readonly spentAt: Date | null;
}

/** What is kept of a challenge: whoever reads the database cannot answer in its owner's place. */
function digestOf(nonce: string): string {
  return createHash("sha256").update(nonce).digest("hex");
}

/** `claimDigest`: what a proof for the challenge would say that it is about. */
export async function createGatePass(
  db: Queryable,
  pass: Omit<GatePass, "spentAt"> & { readonly claimDigest: string },
): Promise<void> {
  const { nonce: _, ...claim } = pass.claim;
  await db.query(
    "INSERT INTO lit_gate_passes (nonce, meeting_id, user_id, wallet, claim, expires_at, claim_digest) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    [
      digestOf(pass.nonce),
      pass.meetingId,
      pass.userId,
      pass.wallet,
      JSON.stringify(claim),
      pass.expiresAt,
      pass.claimDigest,
    ],
  );
}

/** The claim of the challenge whose proof has that digest, but for the nonce, which is not kept. */
export async function findClaimByDigest(
  db: Queryable,
  claimDigest: string,
): Promise<Omit<AccessClaim, "nonce"> | undefined> {
  const found = await first<{ claim: Omit<AccessClaim, "nonce"> }>(
    db,
    "SELECT claim FROM lit_gate_passes WHERE claim_digest = $1 LIMIT 1",
    [claimDigest],
  );
  return found?.claim;
}

/** A challenge by its nonce, whoever it was given to and for whatever meeting. */
export async function findGatePass(db: Queryable, nonce: string): Promise<GatePass | undefined> {
  const kept = await first<Omit<GatePass, "nonce">>(
    db,
    `SELECT meeting_id AS "meetingId", user_id AS "userId", wallet, claim, expires_at AS "expiresAt", spent_at AS "spentAt"
     FROM lit_gate_passes WHERE nonce = $1`,
    [digestOf(nonce)],
  );
  return kept === undefined ? undefined : { ...kept, nonce, claim: { ...kept.claim, nonce } };
}

export interface AccessAttempt {
  readonly meetingId: string;
  readonly userId: string;
  readonly wallet: string | null;
  readonly role: MeetingRole | null;
  readonly reason: string;
  /** What was looked at, for whoever has to explain the decision. Holds no secret. */
  readonly checked: object;
  readonly blockNumber: number | null;
}

async function logAccess(db: Queryable, attempt: AccessAttempt, granted: boolean): Promise<void> {
  await db.query(
    `INSERT INTO meeting_access_logs (meeting_id, user_id, wallet, role, granted, reason, checked, block_number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      attempt.meetingId,
      attempt.userId,
      attempt.wallet,
      attempt.role,
      granted,
      attempt.reason,
      JSON.stringify(attempt.checked),
      attempt.blockNumber,
    ],
  );
}

export async function logRefusedAccess(db: Queryable, attempt: AccessAttempt): Promise<void> {
  await logAccess(db, attempt, false);
}

/**
 * Spends the challenge, opens the session and logs the grant together, or does nothing of it. Of any number of attempts with
 * one challenge, one is `granted` and the others are `spent`, as are those that come after it has expired. `changed`: since
 * the caller looked, the meeting was closed, got another room, or its pass moved on; the challenge stays good.
 */
export async function grantAccess(
  db: Transactor,
  grant: {
    readonly nonce: string;
    readonly proof: LitProof | null;
    readonly session: NewSession;
    readonly attempt: AccessAttempt;
  },
): Promise<"granted" | "spent" | "changed"> {
  const { nonce, proof, session, attempt } = grant;
  return db.transaction(async (tx) => {
    if (!(await lockEnterable(tx, session))) return "changed";
    const spent = await tx.query(
      "UPDATE lit_gate_passes SET spent_at = now(), proof = $2 WHERE nonce = $1 AND spent_at IS NULL AND expires_at > now() RETURNING nonce",
      [digestOf(nonce), proof === null ? null : JSON.stringify(proof)],
    );
    if (spent.length === 0) return "spent";
    await openSession(tx, session);
    await logAccess(tx, attempt, true);
    return "granted";
  });
}

/** The role of a user in a meeting by the wallets they have bound; null for anybody else. */
export async function roleOfUser(
  db: Queryable,
  meeting: MeetingRow,
  userId: string,
): Promise<MeetingRole | null> {
  const row = await first<{ host: boolean; winner: boolean }>(
    db,
    `SELECT coalesce(bool_or(address = $2), false) AS host, coalesce(bool_or(address = $3), false) AS winner FROM wallets WHERE user_id = $1`,
    [userId, meeting.host, meeting.passOwner],
  );
  if (row?.host === true) return "host";
  return row?.winner === true ? "winner" : null;
}
