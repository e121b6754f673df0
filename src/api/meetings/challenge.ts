import { randomBytes } from "node:crypto";
import { createGatePass, findMeeting } from "../../db/access.ts";
import { type AccessClaim, challengeText, claimDigest } from "../../lit/index.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";
import { checksummed } from "../schema.ts";
import { serviceDomain } from "../service-domain.ts";
import { logRefusal } from "./refusals.ts";
import { meetingNotFound, over, requireStanding, type Standing } from "./rights.ts";

const CHALLENGE_TTL_S = 120;

/**
 * A one-time text by which the host or the present pass owner shows who they are.
 * @throws AppError refuse 404 `meeting_not_found`, 409 `pass_not_minted_yet`, 403 `meeting_over`
 */
export async function challengeAccess(
  deps: ApiDeps,
  meetingId: string,
  user: Session,
): Promise<{ readonly claim: AccessClaim; readonly message: string; readonly standing: Standing }> {
  const meeting = await findMeeting(deps.db, meetingId);
  if (meeting === undefined) throw meetingNotFound();
  const nowS = Math.floor(Date.now() / 1_000);
  const expiresAtS = Math.min(nowS + CHALLENGE_TTL_S, Math.floor(meeting.endsAt.getTime() / 1_000));
  const checked: Record<string, unknown> = { by: "challenge" };
  let standing: Standing | undefined;
  try {
    standing = await requireStanding(deps, meeting, user, checked);
    if (expiresAtS <= nowS) throw over();
  } catch (error) {
    await logRefusal(deps, { meetingId, user, standing, checked, error });
    throw error;
  }
  const claim: AccessClaim = {
    v: 1,
    domain: serviceDomain(deps.config),
    chainId: deps.reader.chainId,
    contract: checksummed(deps.reader.passContract),
    tokenId: meeting.auctionId,
    meetingId: meeting.id,
    user: checksummed(standing.wallet),
    nonce: randomBytes(24).toString("base64url"),
    expiresAtS,
  };
  const message = challengeText(claim);
  await createGatePass(deps.db, {
    nonce: claim.nonce,
    meetingId: meeting.id,
    userId: user.id,
    wallet: standing.wallet,
    claim,
    claimDigest: claimDigest(claim),
    expiresAt: new Date(expiresAtS * 1_000),
  });
  return { claim, message, standing };
}
