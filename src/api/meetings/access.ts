import { randomUUID } from "node:crypto";
import {
  findGatePass,
  findMeeting,
  type GatePass,
  grantAccess,
  type MeetingRow,
} from "../../db/access.ts";
import { type AppError, refused } from "../../errors.ts";
import type { LitProof } from "../../lit/index.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";
import { outwardRefusal, proveAnswer } from "./proof.ts";
import {
  closedDoor,
  meetingNotFound,
  opensAt,
  over,
  requireStanding,
  type Standing,
} from "./rights.ts";
import { logRefusal } from "./refusals.ts";
import type { AccessCommand } from "./schema.ts";

/** A room token only has to last until the door: once inside, nobody asks for it again. */
const ROOM_TOKEN_TTL_MS = 10 * 60_000;

export interface Granted {
  readonly roomUrl: string;
  readonly token: string;
  readonly expiresAt: Date;
  readonly role: Standing["role"];
}

/**
 * Lets somebody into the room while it can be entered: the host against the wallet's signature over a one-time challenge,
 * the owner of the pass, as the chain has it now, against Lit's proof about such a challenge. Who comes with a signature has
 * the proof made here; LIT_WHEN_UNREACHABLE says what takes its place while Lit is away. Every grant and every refusal is
 * logged with its reason, and so is that Lit failed somebody.
 * @throws AppError refuse 404 `meeting_not_found`; 403 `meeting_not_open`, `meeting_over`, `meeting_withdrawn`,
 *   `access_denied` (what was shown is no proof; only the log says why); 409 `challenge_spent`, `pass_moved`,
 *   `pass_not_minted_yet`; 422 `signature_required`; retry `lit_unavailable`, `lit_bad_answer`, `rpc_unavailable`
 */
export async function enter(
  deps: ApiDeps,
  meetingId: string,
  user: Session,
  command: AccessCommand,
): Promise<Granted> {
  const meeting = await findMeeting(deps.db, meetingId);
  if (meeting === undefined) throw meetingNotFound();
  const checked: Record<string, unknown> = {
    by: "signature" in command ? "signature" : "litProof",
  };
  let standing: Standing | undefined;
  try {
    standing = await requireStanding(deps, meeting, user, checked);
    const closed = closedDoor(deps, meeting, new Date());
    if (closed !== undefined) throw closed;
    const pass = await unspentPass(deps, meeting, user, command.challenge);
    checked["challengeWallet"] = pass.wallet;
    // The pass came to another of the user's wallets since. Outside it is no proof as any other; the log has the reason.
    if (pass.wallet !== standing.wallet)
      throw refused(
        "challenge_of_other_wallet",
        "this challenge was given for another wallet",
        403,
      );
    const proof = await proveAnswer(deps, pass, standing.role, command, checked);
    return await grant(deps, meeting, user, standing, pass, proof, checked);
  } catch (error) {
    await logRefusal(deps, { meetingId, user, standing, checked, error });
    throw outwardRefusal(error);
  }
}

async function unspentPass(
  deps: ApiDeps,
  meeting: MeetingRow,
  user: Session,
  nonce: string,
): Promise<GatePass> {
  const pass = await findGatePass(deps.db, nonce);
  if (pass === undefined) throw refused("challenge_unknown", "no such challenge was given", 403);
  if (pass.userId !== user.id)
    throw refused("challenge_of_other_user", "this challenge was given to somebody else", 403);
  if (pass.meetingId !== meeting.id)
    throw refused("challenge_of_other_meeting", "this challenge is for another meeting", 403);
  if (pass.spentAt !== null) throw spent();
  if (pass.expiresAt <= new Date())
    throw refused("challenge_expired", "the challenge has expired; ask for a new one", 403);
  return pass;
}

function spent(): AppError {
  return refused("challenge_spent", "the challenge has been used; ask for a new one", 409);
}

async function grant(
  deps: ApiDeps,
  meeting: MeetingRow,
  user: Session,
  standing: Standing,
  pass: GatePass,
  proof: LitProof | null,
  checked: object,
): Promise<Granted> {
  const { role, wallet, blockNumber, blockHash } = standing;
  const expiresAt = new Date(Math.min(meeting.endsAt.getTime(), Date.now() + ROOM_TOKEN_TTL_MS));
  // Tokens count in whole seconds: in the last one of a meeting there is no time left to make one for.
  if (Math.floor(expiresAt.getTime() / 1_000) <= Math.floor(Date.now() / 1_000)) throw over();
  const sessionId = randomUUID();
  const token = deps.jitsi.signRoomToken({
    room: meeting.roomName,
    // Jitsi reports it back with every coming and going, which so leads to this grant and not only to a person.
    userId: sessionId,
    displayName: user.displayName ?? (role === "host" ? "Host" : "Guest"),
    affiliation: role === "host" ? "owner" : "member",
    expiresAt,
  });
  const meetingId = meeting.id;
  const by = { meetingId, userId: user.id, role, wallet, blockNumber };
  const result = await grantAccess(deps.db, {
    nonce: pass.nonce,
    proof,
    session: {
      ...by,
      id: sessionId,
      roomName: meeting.roomName,
      tokenExpiresAt: expiresAt,
      opensAt: opensAt(deps, meeting),
      blockHash,
    },
    attempt: { ...by, reason: "granted", checked: { ...checked, sessionId } },
  });
  if (result === "spent") throw spent();
  if (result === "changed") {
    // The meeting was closed, or the pass moved on, while the proof was made.
    const now = await findMeeting(deps.db, meeting.id);
    throw (
      (now === undefined ? undefined : closedDoor(deps, now, new Date())) ??
      refused("pass_moved", "the pass has changed hands; ask again", 409)
    );
  }
  return { roomUrl: deps.jitsi.roomUrl(meeting.roomName, token), token, expiresAt, role };
}
