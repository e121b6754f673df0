import { randomBytes } from "node:crypto";

/** Names that mean the same to the browser, to XMPP (which folds case) and in a JWT. */
export const ROOM_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A fresh room name: 160 random bits in lower-case base 32, in groups for the eye. It says nothing
 * about the meeting, and nobody finds it by trying.
 */
export function createRoomName(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  // 256 is a multiple of 32, so that every letter is equally likely.
  const letters = Array.from(randomBytes(32), (byte) => alphabet.charAt(byte % 32)).join("");
  return letters.replaceAll(/(.{8})(?=.)/g, "$1-");
}
