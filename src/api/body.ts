import { bodyParser } from "@koa/bodyparser";
import type Koa from "koa";
import { AppError, refused } from "../errors.ts";
import { inflated } from "./inflate.ts";
import type { Route } from "./route.ts";

/** No command of this API is near this; an exported Para session is a few kilobytes. */
const BODY_LIMIT_BYTES = 64 * 1_024;

const JSON_TYPES = ["application/json"];
const FORM_TYPE = "application/x-www-form-urlencoded";

const parseJson = bodyParser({
  enableTypes: ["json"],
  jsonLimit: String(BODY_LIMIT_BYTES),
  parsedMethods: ["POST"],
});
/** Lists everybody who was in a room: 10,000 connections at most, some 250 bytes each. */
const LONG_BODY_LIMIT_BYTES = 4 * 1_024 * 1_024;
const parseLongJson = bodyParser({
  enableTypes: ["json"],
  jsonLimit: String(LONG_BODY_LIMIT_BYTES),
  parsedMethods: ["POST"],
});
const parseForm = bodyParser({
  enableTypes: ["form"],
  formLimit: String(BODY_LIMIT_BYTES),
  parsedMethods: ["POST"],
});

/**
 * The parsed body of a request. A request without any body is `undefined`, which only a schema that allows it takes.
 * @throws AppError refuse 415; errors of the parser with status 413 or 400.
 */
export async function readBody(ctx: Koa.Context, one: Route): Promise<unknown> {
  if (
    ctx.request.length === 0 ||
    (ctx.request.length === undefined && ctx.get("transfer-encoding") === "")
  )
    return undefined;
  const form = one.bodyTypes === "json-or-form" && ctx.is(FORM_TYPE) === FORM_TYPE;
  if (!form && ctx.is(JSON_TYPES) === false) {
    const accepted =
      one.bodyTypes === "json-or-form"
        ? "application/json or application/x-www-form-urlencoded"
        : "application/json";
    throw refused("content_type_unsupported", `send the body as ${accepted}`, 415);
  }
  const isLong = !form && one.hasLongBody === true;
  const parse = form ? parseForm : isLong ? parseLongJson : parseJson;
  const request = ctx.req;
  try {
    ctx.req = await inflated(request, isLong ? LONG_BODY_LIMIT_BYTES : BODY_LIMIT_BYTES);
    await parse(ctx, async () => undefined);
  } catch (error) {
    // What we and the parser say of a body has a status. The rest is what others make of one that is damaged or cut off.
    const hasStatus = error instanceof Error && "status" in error;
    if (hasStatus) throw error;
    throw new AppError({
      kind: "refuse",
      code: "body_malformed",
      message: "the body cannot be read as its Content-Type and Content-Encoding say",
      status: 400,
      cause: error,
    });
  } finally {
    ctx.req = request;
  }
  return ctx.request.body;
}
