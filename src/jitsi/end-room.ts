import { refused, unavailable } from "../errors.ts";
import { boundedFetch, OutsideError } from "../outside/bounded-fetch.ts";
import { signToken } from "./signing.ts";
import type { SigningKey } from "./signing.ts";
import type { EndRoomResult } from "./types.ts";

export interface RoomEnder {
  readonly adminUrl: string;
  readonly key: SigningKey;
  readonly appId: string;
  readonly xmppDomain: string;
  readonly mucDomain: string;
  readonly timeoutMs: number;
}

const TOKEN_LIFE_S = 60;

/**
 * Ends a meeting through mod_muc_end_meeting. Prosody accepts any valid token for any room there, so
 * its HTTP port must be reachable by the backend only. Asking twice is harmless.
 * @throws AppError retry `jitsi_unavailable`; refuse `jitsi_end_refused`
 */
export async function endRoom(ender: RoomEnder, room: string): Promise<EndRoomResult> {
  const nowS = Math.floor(Date.now() / 1000);
  const token = signToken(ender.key, {
    iss: ender.appId,
    aud: "jitsi",
    sub: ender.xmppDomain,
    room,
    iat: nowS,
    nbf: nowS - 10,
    exp: nowS + TOKEN_LIFE_S,
  });
  const url = new URL(
    "end-meeting",
    ender.adminUrl.endsWith("/") ? ender.adminUrl : `${ender.adminUrl}/`,
  );
  url.searchParams.set("conference", `${room}@${ender.mucDomain}`);
  let status: number;
  try {
    ({ status } = await boundedFetch(url.href, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      timeoutMs: ender.timeoutMs,
    }));
  } catch (error) {
    if (error instanceof OutsideError)
      throw unavailable(
        "jitsi_unavailable",
        `Prosody could not be asked to end the meeting: ${error.message}. Try again.`,
        error,
      );
    throw error;
  }
  if (status === 200) return { ended: true, alreadyGone: false };
  if (status === 404) return { ended: true, alreadyGone: true };
  if (status === 400 || status === 401 || status === 403) {
    throw refused(
      "jitsi_end_refused",
      `Prosody refused to end the meeting (status ${status}). Check JITSI_SECRET and the domain against Prosody's settings for mod_muc_end_meeting.`,
      502,
    );
  }
  throw unavailable(
    "jitsi_unavailable",
    `Prosody could not end the meeting (status ${status}). Try again.`,
  );
}
