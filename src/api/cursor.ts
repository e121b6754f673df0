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
function cursorKey(secret: Secret): Buffer {
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
  return createHmac("sha256", cursorKey(secret))
    .update(JSON.stringify([list, key]))
    .digest("base64url")
    .slice(0, 22);
}

/** The cursor of the row whose sort key is `key`, for the list of that name (with its sort order, if it has several). */
function encodeCursor(secret: Secret, list: string, key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify({ l: list, k: key, m: mac(secret, list, key) })).toString(
    "base64url",
  );
}

/**
 * The sort key inside a cursor, parsed by `schema`.
 * @throws AppError refuse 422 `cursor_invalid` for a cursor of another list, or one we never gave.
 */
function decodeCursor<S extends z.ZodType>(
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

/** What the rows of a list are sorted by; the first part alone makes it a tuple to the compiler. */
type SortKey = readonly [string | number, ...(string | number)[]];

/** A list of pages: its name, which a cursor is bound to, the sort key of its rows, and where they come from. */
export interface PagedList<Row, Key extends SortKey> {
  readonly secret: Secret;
  /** Sort order included, if it has several. */
  readonly list: string;
  readonly key: z.ZodType<Key>;
  /** Reads so many rows behind a sort key; the first ones without it. */
  readonly read: (after: Key | undefined, limit: number) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => Key;
}

/**
 * One page of a list.
 * @throws AppError refuse 422 `cursor_invalid`; whatever `read` throws
 */
export async function pageOf<Row, Key extends SortKey>(
  { secret, list, key, keyOf, read }: PagedList<Row, Key>,
  query: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
): Promise<{ readonly rows: readonly Row[]; readonly nextCursor: string | null }> {
  const after = decodeCursor(secret, list, key, query.cursor);
  const rows = await read(after, rowsToRead(query.limit));
  return cutPage(rows, query.limit, (row) => encodeCursor(secret, list, keyOf(row)));
}
