import type { MeetingsConfig } from "./config.ts";
import type { RoomTokensOptions } from "./jitsi/index.ts";

/** The configuration of Jitsi as its client wants it; the worker ends rooms, the API signs tokens. */
export function roomTokensOptions(config: MeetingsConfig): RoomTokensOptions {
  return {
    domain: config.JITSI_DOMAIN,
    ...(config.JITSI_URL === undefined ? {} : { url: config.JITSI_URL }),
    appId: config.JITSI_APP_ID,
    secret: config.JITSI_SECRET.reveal(),
    ...(config.JITSI_KID === undefined ? {} : { kid: config.JITSI_KID }),
    ...(config.JITSI_ADMIN_URL === undefined ? {} : { adminUrl: config.JITSI_ADMIN_URL }),
    ...(config.JITSI_ADMIN_SECRET === undefined
      ? {}
      : { adminSecret: config.JITSI_ADMIN_SECRET.reveal() }),
    ...(config.JITSI_ADMIN_KID === undefined ? {} : { adminKid: config.JITSI_ADMIN_KID }),
    ...(config.JITSI_XMPP_DOMAIN === undefined ? {} : { xmppDomain: config.JITSI_XMPP_DOMAIN }),
    ...(config.JITSI_MUC_DOMAIN === undefined ? {} : { mucDomain: config.JITSI_MUC_DOMAIN }),
  };
}
