import {
  findGatePass,
  findMeeting,
  type GatePass,
  grantAccess,
  logRefusedAccess,
  type MeetingRow,
} from "../../db/access.ts";
import { AppError, refused } from "../../errors.ts";
import { challengeText, type LitProof, verifyProof } from "../../lit/index.ts";
import { isSignatureOf } from "../auth/wallets.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";
import { closedDoor, currentStanding, meetingNotFound, type Standing } from "./rights.ts";
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
 * Lets somebody into the room: by the role the chain gives them now, within the opening window, against a one-time
 * challenge their wallet signed, and for the pass owner by the proof of the Lit nodes on top of our own look at the
 * chain. Every decision is logged with its reason.
 * @throws AppError refuse 404 `meeting_not_found`; 403 `meeting_not_open`, `meeting_over`, `signature_invalid`, `lit_…`;
 *   409 `challenge_spent`; 422 `signature_required`; retry `lit_unavailable`, `rpc_unavailable`
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
    standing = await currentStanding(deps, meeting, user);
    if (standing === undefined) throw meetingNotFound();
    const closed = closedDoor(deps, meeting, new Date());
    if (closed !== undefined) throw closed;
    const pass = await unspentPass(deps, meeting, user, command.challenge);
    checked["challengeWallet"] = pass.wallet;
    if (pass.wallet !== standing.wallet)
      throw refused(
        "challenge_of_other_wallet",
        "the pass or your role has changed since; ask for a new challenge",
        409,
      );
    const proof =
      standing.role === "host"
        ? await proveHost(deps, pass, command)
        : await provePassOwner(deps, pass, command);
    checked["litProof"] = proof !== null;
    return await grant(deps, meeting, user, standing, pass, proof, checked);
  } catch (error) {
    // Only decisions are logged: an outside service that is away has decided nothing.
    if (error instanceof AppError && error.kind === "refuse") {
      const { role, wallet, blockNumber } = standing ?? {
        role: null,
        wallet: null,
        blockNumber: null,
      };
      await logRefusedAccess(deps.db, {
        meetingId,
        userId: user.id,
        role,
        wallet,
        blockNumber,
        reason: standing === undefined ? "not_a_participant" : error.code,
        checked,
      });
    }
    throw error;
  }
}

async function unspentPass(
  deps: ApiDeps,
  meeting: MeetingRow,
  user: Session,
  nonce: string,
): Promise<GatePass> {
  const pass = await findGatePass(deps.db, meeting.id, user.id, nonce);
  if (pass === undefined)
    throw refused(
      "challenge_unknown",
      "this challenge was not given to you for this meeting; ask for one",
      403,
    );
  if (pass.spentAt !== null) throw spent();
  if (pass.expiresAt <= new Date())
    throw refused("challenge_expired", "the challenge has expired; ask for a new one", 403);
  return pass;
}

function spent(): AppError {
  return refused("challenge_spent", "the challenge has been used; ask for a new one", 409);
}

/** The host owns no pass, so Lit has nothing to say about them: their wallet's signature is the proof. */
async function proveHost(deps: ApiDeps, pass: GatePass, command: AccessCommand): Promise<null> {
  if (!("signature" in command))
    throw refused(
      "signature_required",
      "the host proves by the wallet's signature over the challenge",
      422,
      [{ pointer: "/signature", code: "required", detail: "sign the challenge's message" }],
    );
  await checkSignature(deps, pass, command.signature);
  return null;
}

async function provePassOwner(
  deps: ApiDeps,
  pass: GatePass,
  command: AccessCommand,
): Promise<LitProof> {
  let proof: LitProof;
  if ("signature" in command) {
    // Cheap to check here, and it spares the Lit nodes a call that they would refuse.
    await checkSignature(deps, pass, command.signature);
    proof = await deps.gate.prove({ claim: pass.claim, userSignature: command.signature });
  } else {
    proof = command.litProof;
  }
  verifyProof({ claim: pass.claim, proof, pkpPublicKey: deps.config.LIT_PKP_PUBLIC_KEY });
  return proof;
}

async function checkSignature(deps: ApiDeps, pass: GatePass, signature: string): Promise<void> {
  if (!(await isSignatureOf(deps.reader, pass.wallet, challengeText(pass.claim), signature))) {
    throw refused(
      "signature_invalid",
      "the signature is not that wallet's over this challenge",
      403,
    );
  }
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
  const { role, wallet, blockNumber } = standing;
  const expiresAt = new Date(Math.min(meeting.endsAt.getTime(), Date.now() + ROOM_TOKEN_TTL_MS));
  const token = deps.jitsi.signRoomToken({
    room: meeting.roomName,
    userId: user.id,
    displayName: user.displayName ?? (role === "host" ? "Host" : "Guest"),
    affiliation: role === "host" ? "owner" : "member",
    expiresAt,
  });
  const attempt = {
    meetingId: meeting.id,
    userId: user.id,
    role,
    wallet,
    blockNumber,
    reason: "granted",
    checked,
  };
  if (!(await grantAccess(deps.db, pass.nonce, proof, attempt))) {
    // Spent by a request that was faster, or the meeting was closed while the proof was made.
    const now = await findMeeting(deps.db, meeting.id);
    throw (now === undefined ? undefined : closedDoor(deps, now, new Date())) ?? spent();
  }
  return { roomUrl: deps.jitsi.roomUrl(meeting.roomName, token), token, expiresAt, role };
}
