import type { RoomTokenInput } from "./types.ts";

type May = Readonly<Record<RoomTokenInput["affiliation"], boolean>>;

const BOTH: May = { owner: true, member: true };
const HOST: May = { owner: true, member: false };
const NOBODY: May = { owner: false, member: false };

/**
 * What a token allows its bearer. Once a token names features, Jitsi refuses what it does not name, to the host too; so all of them
 * are named: the MEET_FEATURES of jitsi-meet. A meeting is two people in private: nothing of it is recorded, streamed, written down
 * or joined by telephone.
 */
export const FEATURES = {
  branding: NOBODY,
  calendar: NOBODY,
  "create-polls": BOTH,
  "file-upload": BOTH,
  flip: BOTH,
  "inbound-call": NOBODY,
  "list-visitors": NOBODY,
  "live-translation": NOBODY,
  livestreaming: NOBODY,
  lobby: HOST,
  moderation: HOST,
  "outbound-call": NOBODY,
  recording: NOBODY,
  room: HOST,
  "screen-sharing": BOTH,
  "send-groupchat": BOTH,
  "send-private-message": BOTH,
  "sip-inbound-call": NOBODY,
  "sip-outbound-call": NOBODY,
  transcription: NOBODY,
} as const satisfies Readonly<Record<string, May>>;

/** What JaaS documents. It complains about a token with any other. */
export const JAAS_FEATURES = [
  "create-polls",
  "file-upload",
  "inbound-call",
  "list-visitors",
  "livestreaming",
  "outbound-call",
  "recording",
  "send-groupchat",
  "sip-inbound-call",
  "sip-outbound-call",
  "transcription",
] as const satisfies readonly (keyof typeof FEATURES)[];

/** `context.features` for Prosody. */
export function prosodyFeatures(
  affiliation: RoomTokenInput["affiliation"],
): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(FEATURES).map(([name, may]) => [name, may[affiliation]]),
  );
}

/** `context.features` for JaaS, which has booleans as text. */
export function jaasFeatures(affiliation: RoomTokenInput["affiliation"]): Record<string, string> {
  return Object.fromEntries(
    JAAS_FEATURES.map((name) => [name, String(FEATURES[name][affiliation])]),
  );
}
