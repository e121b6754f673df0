import { refused, unavailable } from "../errors.ts";
import { boundedFetch, OutsideError } from "../outside/bounded-fetch.ts";
import { signToken } from "./signing.ts";
import type { SigningKey } from "./signing.ts";
import type { EndRoomResult, KickResult } from "./types.ts";

/** Prosody's HTTP server as the backend may use it. Its tokens open every room, so its port must be reachable by us only. */
export interface ProsodyAdmin {
  readonly adminUrl: string;
  readonly key: SigningKey;
  readonly appId: string;
  readonly xmppDomain: string;
  readonly mucDomain: string;
  readonly timeoutMs: number;
}

const TOKEN_LIFE_S = 60;

/**
 * Ends a meeting through mod_muc_end_meeting. Asking twice is harmless.
 * @throws AppError retry `jitsi_unavailable`; refuse `jitsi_end_refused`
 */
export async function endRoom(admin: ProsodyAdmin, room: string): Promise<EndRoomResult> {
  const { status, isModules } = await ask(admin, room, {
    method: "POST",
    path: "end-meeting",
    query: { conference: `${room}@${admin.mucDomain}` },
    what: "end the meeting",
  });
  if (status === 200) return { ended: true, alreadyGone: false };
  if (status === 404 && isModules) return { ended: true, alreadyGone: true };
  // Nobody knows whether the room is there: people may sit in it.
  if (status === 404)
    throw refused(
      "jitsi_end_refused",
      "There is no end-meeting at JITSI_ADMIN_URL: the 404 is not that of mod_muc_end_meeting. Load the module, or correct the URL.",
      502,
    );
  if (status === 400 || status === 401 || status === 403) {
    throw refused(
      "jitsi_end_refused",
      `Prosody refused to end the meeting (status ${status}). Check JITSI_ADMIN_SECRET (JITSI_SECRET where it is unset) and the domains against Prosody's settings for mod_muc_end_meeting.`,
      502,
    );
  }
  throw unanswered("end the meeting", status);
}

/** lib-jitsi-meet takes the first eight characters of an anonymous user's id as its name in the room. */
const OCCUPANT_OF_TOKEN = /^([0-9a-f]{8})[0-9a-f-]*@/;

/**
 * Sends one occupant out through mod_muc_kick_participant. 200 is no proof: that module also answers 200 when it did not
 * accept the token or does not know the room. The event of the occupant's going is.
 * @throws AppError retry `jitsi_unavailable`
 */
export async function kickOccupant(
  admin: ProsodyAdmin,
  room: string,
  occupantJid: string,
): Promise<KickResult> {
  const participantId = OCCUPANT_OF_TOKEN.exec(occupantJid)?.[1];
  if (participantId === undefined) return { asked: false, reason: "occupant_unknown" };
  const { status, isModules } = await ask(admin, room, {
    method: "PUT",
    path: "kick-participant",
    query: { room },
    body: JSON.stringify({ participantId }),
    what: "send an occupant out",
  });
  if (status === 200) return { asked: true, alreadyGone: false };
  // 404 with a page where the module is not loaded; 400 and 403 are answers of other editions of it. Asking again changes nothing.
  if (status === 404 && isModules) return { asked: true, alreadyGone: true };
  if (status >= 400 && status < 500) return { asked: false, reason: "refused" };
  throw unanswered("send an occupant out", status);
}

interface Question {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For messages: "end the meeting". */
  readonly what: string;
}

interface ProsodyAnswer {
  readonly status: number;
  /** Whether it can be a module's: those answer without a body. Prosody's own "there is nothing at this path" is a page. */
  readonly isModules: boolean;
}

/** What Prosody answers. @throws AppError retry `jitsi_unavailable` */
async function ask(admin: ProsodyAdmin, room: string, question: Question): Promise<ProsodyAnswer> {
  const nowS = Math.floor(Date.now() / 1000);
  const token = signToken(admin.key, {
    iss: admin.appId,
    aud: "jitsi",
    sub: admin.xmppDomain,
    room,
    iat: nowS,
    nbf: nowS - 10,
    exp: nowS + TOKEN_LIFE_S,
  });
  const { adminUrl, timeoutMs } = admin;
  const url = new URL(question.path, adminUrl.endsWith("/") ? adminUrl : `${adminUrl}/`);
  for (const [name, value] of Object.entries(question.query)) url.searchParams.set(name, value);
  const json = question.body === undefined ? {} : { "content-type": "application/json" };
  try {
    const { status, text } = await boundedFetch(url.href, {
      method: question.method,
      headers: { authorization: `Bearer ${token}`, ...json },
      ...(question.body === undefined ? {} : { body: question.body }),
      timeoutMs,
    });
    return { status, isModules: text === "" };
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    throw unavailable(
      "jitsi_unavailable",
      `Prosody could not be asked to ${question.what}: ${error.message}. Try again.`,
      error,
    );
  }
}

function unanswered(what: string, status: number): Error {
  return unavailable(
    "jitsi_unavailable",
    `Prosody could not ${what} (status ${status}). Try again.`,
  );
}
