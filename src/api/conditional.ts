import { createHash } from "node:crypto";
import type Koa from "koa";

/** The clock in an answer moves without anything having changed. */
const CLOCK = /"serverTime":"[^"]*"/g;

/** A weak validator (RFC 9110 §8.8.1): the same as long as the answer says the same, whatever its clock shows. */
export function weakEtag(text: string): string {
  const digest = createHash("sha1").update(text.replaceAll(CLOCK, "")).digest("base64url");
  return `W/"${digest}"`;
}

const opaque = (tag: string): string => tag.trim().replace(/^W\//, "");

/**
 * Whether the caller has this version already (RFC 9110 §13.1.2, weak comparison). Unlike the `fresh` of Koa it does not look
 * at the request's Cache-Control, which is for caches: a client that asks with If-None-Match is answered by it.
 */
export function hasVersion(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((one) => opaque(one) === opaque(etag));
}

/** Sends a text, JSON unless told otherwise, with its validator, or 304 to whoever has it. */
export function sendValidated(
  ctx: Koa.Context,
  text: string,
  mediaType = "application/json",
): void {
  const etag = weakEtag(text);
  ctx.set("ETag", etag);
  ctx.type = mediaType;
  ctx.body = text;
  const asked = ctx.get("If-None-Match");
  if (asked !== "" && hasVersion(asked, etag)) ctx.status = 304;
}
