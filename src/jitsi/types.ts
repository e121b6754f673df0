export interface RoomTokensOptions {
  /** Host of the meeting pages, e.g. `meet.example.org`; `8x8.vc` for JaaS. */
  readonly domain: string;
  /** Where these pages are, scheme included; `https://<domain>` by default. */
  readonly url?: string;
  readonly appId: string;
  /** HS256 text, or a PKCS #8 PEM (RS256). */
  readonly secret: string;
  /** Key id in the header; required for JaaS. */
  readonly kid?: string;
  /** Private base URL of Prosody's HTTP server, for ending meetings. */
  readonly adminUrl?: string;
  /**
   * Key for ending meetings and sending occupants out, where Prosody wants another one for that
   * (`prosody_password_public_key_repo_url`, required by new versions of mod_muc_end_meeting and by every version of
   * mod_muc_kick_participant; older ones end meetings by the room tokens' key).
   */
  readonly adminSecret?: string;
  readonly adminKid?: string;
  /** XMPP domain (`sub` claim) where it is not the web host, e.g. `meet.jitsi` in docker-jitsi-meet. */
  readonly xmppDomain?: string;
  /** MUC component; `conference.<xmppDomain>` by default. */
  readonly mucDomain?: string;
  /** Limit of one call to Prosody, milliseconds; 5000 by default. */
  readonly timeoutMs?: number;
}

export interface RoomTokenInput {
  readonly room: string;
  /** Comes back as the id of the occupant in occupancy events. */
  readonly userId: string;
  readonly displayName?: string;
  /** `owner` moderates. */
  readonly affiliation: "owner" | "member";
  readonly expiresAt: Date;
  /** 10 s ago by default, for clocks that run behind. */
  readonly notBefore?: Date;
}

export type EndRoomResult =
  | { readonly ended: true; readonly alreadyGone: boolean }
  | { readonly ended: false; readonly reason: "not_configured" };

export type KickResult =
  /** Prosody was asked; the event of the occupant's going is the proof. */
  | { readonly asked: true; readonly alreadyGone: boolean }
  | { readonly asked: false; readonly reason: "not_configured" | "occupant_unknown" | "refused" };

export interface RoomTokens {
  /** A token for one room, as Prosody (HS256) or JaaS (RS256) wants it. @throws AppError refuse 422 `jitsi_token_input` */
  signRoomToken(input: RoomTokenInput): string;
  /** The page of the room with the token in it: as secret as the token. */
  roomUrl(room: string, token: string): string;
  /**
   * Ends a meeting and sends everyone out.
   * @throws AppError retry `jitsi_unavailable`; refuse `jitsi_end_refused` when Prosody does not accept the token.
   */
  endRoom(room: string): Promise<EndRoomResult>;
  /**
   * Asks for one occupant to be sent out, named as occupancy events name it.
   * @throws AppError retry `jitsi_unavailable`
   */
  kick(room: string, occupantId: string): Promise<KickResult>;
}

export interface OccupancyEvent {
  readonly kind: "joined" | "left" | "created" | "destroyed";
  /** Room name, lower-case. */
  readonly room: string;
  /** The occupant's own id in the room; empty for `created` and `destroyed`. */
  readonly occupantId: string;
  /** `context.user.id` of the occupant's token. */
  readonly userId?: string;
  /** Which breakout room of it; the room itself without it. */
  readonly breakout?: string;
  /** By the sender's clock. Both senders repeat deliveries, with the same time, and events overtake one another. */
  readonly at: Date;
}

/** What Prosody asks before it makes a room. */
export interface ReservationRequest {
  /** Room name, lower-case. */
  readonly room: string;
  /** As Prosody wrote it: the answer must repeat it. */
  readonly name: string;
  /** A random anonymous id, not the person: authorise by room name. */
  readonly mailOwner: string;
  readonly startTime: Date;
}

export interface ReservationAnswerInput {
  readonly id: string;
  readonly request: ReservationRequest;
  readonly startsAt: Date;
  /** Seconds from `startsAt`. Prosody reads it once, so give the latest end there can be. */
  readonly durationS: number;
  readonly maxOccupants?: number;
}

/** Body of a 200. */
export interface ReservationAnswer {
  readonly id: string;
  readonly name: string;
  readonly mail_owner: string;
  readonly start_time: string;
  readonly duration: number;
  readonly max_occupants?: number;
}
