import type Koa from "koa";
import { refused } from "../../errors.ts";

/** Far more than any route takes. */
const MOST_CHARACTERS = 4_096;
const MOST_FIELDS = 64;

type Query = Readonly<Record<string, string | readonly string[]>>;

/**
 * Reads the query of each request into `queryOf(ctx)`, at a cost that grows with its length alone. Koa's own `ctx.query` looks
 * through all fields again for each of them, so that 16 kB of `a&a&a` take seconds; nothing here may touch it.
 * @throws AppError `query_too_long`, `query_malformed` (refuse)
 */
export function readQuery(): Koa.Middleware {
  return (ctx, next) => {
    ctx.state["query"] = parseQuery(ctx.querystring);
    return next();
  };
}

/** The fields of the query, each text once or all of its texts in order. Empty before `readQuery` and when it was refused. */
export function queryOf(ctx: Koa.Context): Query {
  return (ctx.state["query"] as Query | undefined) ?? {};
}

function parseQuery(text: string): Query {
  if (text.length > MOST_CHARACTERS)
    throw refused("query_too_long", `the query may have ${MOST_CHARACTERS} characters`, 414);
  const fields = new Map<string, string[]>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > MOST_FIELDS)
      throw refused("query_malformed", `the query may have ${MOST_FIELDS} fields`, 400);
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  // A field may be named like what every object has.
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? "") : values]),
  );
}
