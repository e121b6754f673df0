import { endRoom, kickOccupant, type ProsodyAdmin } from "./admin.ts";
import { jaasClaims, prosodyClaims } from "./room-token.ts";
import { jitsiMisconfigured, readSigningKey, signToken } from "./signing.ts";
import type { RoomTokens, RoomTokensOptions } from "./types.ts";

const TIMEOUT_MS = 5000;
/** App ids of JaaS (8x8.vc) start like this; the rest of the settings differ accordingly. */
const JAAS_PREFIX = "vpaas-magic-cookie-";

/**
 * Tokens and addresses of rooms, for a Prosody of one's own or for JaaS, told apart by the app id.
 * @throws AppError `jitsi_configuration` for settings that cannot work
 */
export function createRoomTokens(options: RoomTokensOptions): RoomTokens {
  const { domain, appId, adminUrl } = options;
  const key = readSigningKey(options.secret, options.kid);
  const jaas = appId.startsWith(JAAS_PREFIX);
  if (jaas && (key.algorithm !== "RS256" || key.kid === undefined))
    throw jitsiMisconfigured(
      "JaaS needs the private key as a PEM in JITSI_SECRET and its id in JITSI_KID",
    );
  const xmppDomain = options.xmppDomain ?? domain;
  const mucDomain = options.mucDomain ?? `conference.${xmppDomain}`;
  const adminKey =
    options.adminSecret === undefined ? key : readSigningKey(options.adminSecret, options.adminKid);
  // JaaS documents no way to end a meeting from a server.
  const admin: ProsodyAdmin | undefined =
    jaas || adminUrl === undefined
      ? undefined
      : {
          adminUrl,
          key: adminKey,
          appId,
          xmppDomain,
          mucDomain,
          timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
        };
  const base = (options.url ?? `https://${domain}`).replace(/\/+$/, "");
  const pages = `${base}/${jaas ? `${appId}/` : ""}`;
  return {
    signRoomToken: (input) =>
      signToken(
        key,
        jaas ? jaasClaims(input, { appId }) : prosodyClaims(input, { appId, xmppDomain }),
      ),
    roomUrl: (room, token) =>
      `${pages}${encodeURIComponent(room)}?jwt=${encodeURIComponent(token)}`,
    endRoom: async (room) =>
      admin === undefined ? { ended: false, reason: "not_configured" } : endRoom(admin, room),
    // Only deployments with a key of their own for it have mod_muc_kick_participant.
    kick: async (room, occupantId) =>
      admin === undefined || options.adminSecret === undefined
        ? { asked: false, reason: "not_configured" }
        : kickOccupant(admin, room, occupantId),
  };
}
