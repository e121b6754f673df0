import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { refused } from "../errors.ts";
import type { Secret } from "../secret.ts";
import { DEFAULT_PAGE_SIZE } from "./schema.ts";

const Envelope = z.strictObject({
  l: z.string(),
  k: z.array(z.union([z.string(), z.number()])),
  m: z.string(),
});

const keys = new WeakMap<Secret, Buffer>();

/** Deriving a key costs more than all the rest of a cursor. */
function keyOf(secret: Secret): Buffer {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const derived = Buffer.from(
    hkdfSync("sha256", secret.reveal(), "", "meeting-auction cursor", 32),
  );
  keys.set(secret, derived);
  return derived;
}

/** Cursors are signed so that nobody builds one by hand and comes to rely on what is inside. */
function mac(secret: Secret, list: string, key: readonly (string | number)[]): string {
  return createHmac("sha256", keyOf(secret))
    .update(JSON.stringify([list, key]))
    .digest("base64url")
    .slice(0, 22);
}

/** The cursor of the row whose sort key is `key`, for the list of that name (with its sort order, if it has several). */
export function encodeCursor(
  secret: Secret,
  list: string,
  key: readonly (string | number)[],
): string {
  return Buffer.from(JSON.stringify({ l: list, k: key, m: mac(secret, list, key) })).toString(
    "base64url",
  );
}

/**
 * The sort key inside a cursor, parsed by `schema`.
 * @throws AppError refuse 422 `cursor_invalid` for a cursor of another list, or one we never gave.
 */
export function decodeCursor<S extends z.ZodType>(
  secret: Secret,
  list: string,
  schema: S,
  cursor: string | undefined,
): z.output<S> | undefined {
  if (cursor === undefined) return undefined;
  try {
    const envelope = Envelope.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
    const expected = Buffer.from(mac(secret, list, envelope.k));
    const given = Buffer.from(envelope.m);
    if (envelope.l === list && expected.length === given.length && timingSafeEqual(expected, given))
      return schema.parse(envelope.k);
  } catch {
    // Whatever is wrong with it, the answer is the same.
  }
  throw refused("cursor_invalid", "the cursor is not one this list gave", 422, [
    {
      pointer: "/query/cursor",
      code: "cursor_invalid",
      detail: "use nextCursor of the page before, unchanged",
    },
  ]);
}

/** Cuts a page out of one row more than was asked for, which is how the end of a list is seen. */
export function cutPage<T>(
  rows: readonly T[],
  limit: number | undefined,
  cursorOf: (row: T) => string,
): { readonly rows: readonly T[]; readonly nextCursor: string | null } {
  const size = limit ?? DEFAULT_PAGE_SIZE;
  const last = rows[size - 1];
  return {
    rows: rows.slice(0, size),
    nextCursor: rows.length > size && last !== undefined ? cursorOf(last) : null,
  };
}

/** How many rows to read for a page of `limit`. */
export function rowsToRead(limit: number | undefined): number {
  return (limit ?? DEFAULT_PAGE_SIZE) + 1;
}
