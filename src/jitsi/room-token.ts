import { refused } from "../errors.ts";
import { jaasFeatures, prosodyFeatures } from "./features.ts";
import { ROOM_NAME } from "./room-name.ts";
import type { RoomTokenInput } from "./types.ts";

/** Clocks of Prosody's machine may run behind ours; it allows no leeway itself. */
const NOT_BEFORE_LEEWAY_S = 10;

interface Times {
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/**
 * Claims as mod_auth_token of jitsi-meet checks them: `aud` a plain string, times as numbers, one
 * room (never `*`), and an `exp`, since a token without one never expires. `affiliation` counts with
 * mod_token_affiliation.
 * @throws AppError refuse 422 `jitsi_token_input`
 */
export function prosodyClaims(
  input: RoomTokenInput,
  issuer: { readonly appId: string; readonly xmppDomain: string },
): object {
  const { room, userId, displayName, affiliation } = input;
  return {
    iss: issuer.appId,
    aud: "jitsi",
    sub: issuer.xmppDomain,
    room,
    ...times(input),
    context: {
      user: {
        id: userId,
        ...(displayName === undefined ? {} : { name: displayName }),
        affiliation,
        moderator: affiliation === "owner",
      },
      features: prosodyFeatures(affiliation),
    },
  };
}

/** Claims as JaaS documents them: the tenant as subject, and booleans as text. @throws AppError refuse 422 `jitsi_token_input` */
export function jaasClaims(input: RoomTokenInput, issuer: { readonly appId: string }): object {
  const { room, userId, displayName, affiliation } = input;
  return {
    iss: "chat",
    aud: "jitsi",
    sub: issuer.appId,
    room,
    ...times(input),
    context: {
      user: {
        id: userId,
        ...(displayName === undefined ? {} : { name: displayName }),
        moderator: affiliation === "owner" ? "true" : "false",
        "hidden-from-recorder": false,
      },
      features: jaasFeatures(affiliation),
    },
  };
}

function times(input: RoomTokenInput): Times {
  if (!ROOM_NAME.test(input.room)) throw badInput("room", "the room is no name of ours");
  if (input.userId === "") throw badInput("userId", "the user has no id");
  const iat = Math.floor(Date.now() / 1000);
  // Rounded so that a token never lives longer than asked.
  const exp = Math.floor(input.expiresAt.getTime() / 1000);
  const nbf =
    input.notBefore === undefined
      ? iat - NOT_BEFORE_LEEWAY_S
      : Math.ceil(input.notBefore.getTime() / 1000);
  if (!Number.isFinite(exp) || !Number.isFinite(nbf))
    throw badInput("expiresAt", "a time is missing");
  if (exp <= iat || exp <= nbf)
    throw badInput("expiresAt", "the token would have expired before it could be used");
  return { iat, nbf, exp };
}

function badInput(field: string, detail: string): Error {
  return refused("jitsi_token_input", `No room token can be made: ${detail}.`, 422, [
    { pointer: `/${field}`, code: "invalid", detail },
  ]);
}
