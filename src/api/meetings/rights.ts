import { findMeeting, type MeetingRole, type MeetingRow } from "../../db/access.ts";
import { type AppError, refused } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";

/** The same for a meeting that does not exist and one that is none of the caller's business. */
export function meetingNotFound(): AppError {
  return refused("meeting_not_found", "there is no such meeting of yours", 404);
}

/** The role somebody has by what the database last heard of the pass: enough to look, not to enter. */
export function knownRole(
  meeting: MeetingRow,
  wallets: readonly string[],
): MeetingRole | undefined {
  if (wallets.includes(meeting.host)) return "host";
  return wallets.includes(meeting.passOwner) ? "winner" : undefined;
}

export interface Standing {
  readonly role: MeetingRole;
  readonly wallet: string;
  /** The block at which the pass owner was read; null for the host, who needs no pass. */
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
}

/**
 * The role somebody has by what the chain says now, and the wallet that gives it to them. What was looked at is added to
 * `checked`, for the log.
 */
async function currentStanding(
  deps: ApiDeps,
  meeting: MeetingRow,
  user: Session,
  checked: Record<string, unknown>,
): Promise<Standing | undefined> {
  if (user.wallets.includes(meeting.host))
    return { role: "host", wallet: meeting.host, blockNumber: null, blockHash: null };
  if (user.wallets.length === 0) return undefined;
  const { owner, blockNumber, blockHash } = await deps.reader.passOwner(meeting.auctionId);
  checked["passOwner"] = owner;
  checked["atBlock"] = blockNumber;
  return owner !== null && user.wallets.includes(owner)
    ? { role: "winner", wallet: owner, blockNumber, blockHash }
    : undefined;
}

/**
 * The standing of somebody who must have one.
 * @throws AppError refuse 404 `meeting_not_found`; 409 `pass_not_minted_yet` for the winner whose pass is still to come
 */
export async function requireStanding(
  deps: ApiDeps,
  meeting: MeetingRow,
  user: Session,
  checked: Record<string, unknown>,
): Promise<Standing> {
  const standing = await currentStanding(deps, meeting, user, checked);
  if (standing !== undefined) return standing;
  const isToCome = !meeting.isMinted && checked["passOwner"] === null;
  const isAhead = isEnterableState(meeting) && new Date() < meeting.endsAt;
  if (isToCome && isAhead && user.wallets.includes(meeting.winner))
    throw refused(
      "pass_not_minted_yet",
      "your pass is not minted yet, which happens by itself soon after the auction: ask again when `meeting-opened` was told",
      409,
    );
  throw meetingNotFound();
}

const isEnterableState = ({ state }: MeetingRow): boolean =>
  state === "scheduled" || state === "open";

/**
 * A meeting for its host, with the host's wallet.
 * @throws AppError refuse 403 `not_the_host` for the pass owner, 404 for everybody else.
 */
export async function meetingOfHost(
  deps: ApiDeps,
  meetingId: string,
  user: Session,
): Promise<MeetingRow> {
  const meeting = await findMeeting(deps.db, meetingId);
  if (meeting === undefined) throw meetingNotFound();
  const role = knownRole(meeting, user.wallets);
  if (role === undefined) throw meetingNotFound();
  if (role !== "host")
    throw refused("not_the_host", "only the host of this meeting can do that", 403);
  return meeting;
}

/** The answer to whoever comes when a meeting is over. */
export function over(): AppError {
  return refused("meeting_over", "this meeting is over", 403);
}

/** From when on the room can be entered. */
export function opensAt(
  deps: Pick<ApiDeps, "config">,
  meeting: Pick<MeetingRow, "startsAt">,
): Date {
  return new Date(meeting.startsAt.getTime() - deps.config.MEETING_OPENS_BEFORE_S * 1_000);
}

/** Why the room cannot be entered now; undefined when it can. The message is for people. */
export function closedDoor(
  deps: Pick<ApiDeps, "config">,
  meeting: MeetingRow,
  now: Date,
): AppError | undefined {
  if (meeting.state === "withdrawn")
    return refused(
      "meeting_withdrawn",
      "this meeting was withdrawn, because the chain took back the sale",
      403,
    );
  if (meeting.state === "closing" || meeting.state === "closed" || now >= meeting.endsAt)
    return over();
  const opens = opensAt(deps, meeting);
  if (now < opens)
    return refused("meeting_not_open", `this meeting opens at ${opens.toISOString()}`, 403);
  return undefined;
}
