import { REPLIES_KEPT_H } from "../../db/idempotency.ts";
import { kind, type ProblemKinds } from "./kinds.ts";

/** Problems any route may have. */
export const REQUEST_PROBLEMS: ProblemKinds = {
  route_not_found: kind(
    404,
    "No such path",
    "There is nothing at this path. Paths are case-sensitive and have no slash at the end.",
    "Compare the path with /docs.",
  ),
  method_not_allowed: kind(
    405,
    "Method not allowed",
    "The path exists and takes other methods.",
    "Use one of the methods in the Allow header.",
  ),
  input_invalid: kind(
    422,
    "Invalid input",
    "A field of the path, the query, the headers or the body is missing, unknown or not of the declared form.",
    "Each entry of errors points to one field and says what is wrong; change these and send again.",
  ),
  cursor_invalid: kind(
    422,
    "Invalid cursor",
    "The cursor is not one that this list gave: changed, of another list or another sort order.",
    "Send nextCursor of the page before unchanged, with the same path and sort; or begin without a cursor.",
  ),
  body_malformed: kind(
    400,
    "Unreadable body",
    "The body cannot be read as its Content-Type says.",
    "Send well-formed JSON in UTF-8.",
  ),
  body_too_large: kind(
    413,
    "Body too large",
    "The body is larger than this route takes.",
    "Send less: no command needs more than a few kilobytes.",
  ),
  headers_too_large: kind(
    431,
    "Headers too large",
    "Path, query and headers together are longer than 16 KiB.",
    "Send less in the query: no parameter needs more than a few kilobytes.",
  ),
  request_too_slow: kind(
    408,
    "Request too slow",
    "The request did not come within half a minute.",
    "Send it again over a connection that holds.",
  ),
  request_malformed: kind(
    400,
    "Not HTTP",
    "What came is not an HTTP request.",
    "Look at what stands between you and this server.",
  ),
  query_too_long: kind(
    414,
    "Query too long",
    "The part of the address behind the question mark is longer than any route takes.",
    "Shorten it; no route takes more than a few fields.",
  ),
  query_malformed: kind(
    400,
    "Query malformed",
    "The part of the address behind the question mark has more fields than any route takes.",
    "Send only the fields that the route documents, each once.",
  ),
  content_type_unsupported: kind(
    415,
    "Unsupported content",
    "The Content-Type or Content-Encoding of the body is not one this route takes.",
    "Send application/json, plain or compressed with gzip, deflate or br.",
  ),
  events_pruned: kind(
    410,
    "Events not kept any more",
    "The events after that seq are older than those that are kept.",
    "Read the state anew, then ask for events without after.",
  ),
  quota_exceeded: kind(
    429,
    "Too many requests",
    "The quota of this kind of request is used up, for your account or, without one, for your address.",
    "Wait as many seconds as Retry-After says. RateLimit and RateLimit-Policy tell with every answer what is left.",
  ),
  idempotency_key_in_flight: kind(
    409,
    "Still being worked on",
    "The first request with this Idempotency-Key has no answer yet.",
    "Repeat the same request after the seconds of Retry-After; you get the answer of the first.",
  ),
  idempotency_key_reused: kind(
    422,
    "Idempotency-Key of another request",
    `This key was sent with another path or body within the last ${REPLIES_KEPT_H} hours.`,
    "Make a fresh key, such as a UUID, for every new command, and keep it for the repeats of that command alone.",
  ),
  token_missing: kind(
    401,
    "Not logged in",
    "The route needs an access token and none was sent.",
    "Log in, and send Authorization: Bearer with the token.",
  ),
  token_invalid: kind(
    401,
    "Token not valid",
    "The access token is malformed, expired, or its sessions were ended by logging out.",
    "Log in again.",
  ),
  integration_secret_wrong: kind(
    401,
    "Integration secret wrong",
    "The route is for the Jitsi server, which shows the integration secret as bearer token.",
    "Set JITSI_INTEGRATION_SECRET to the same value on both sides.",
  ),
  internal: kind(
    500,
    "Internal error",
    "A defect on our side. In production the answer tells nothing but its requestId.",
    "Report the requestId: the log has the cause under it. Repeat commands only with the same Idempotency-Key.",
  ),
  starting: kind(
    503,
    "Starting",
    "The server has just been started and waits for something it needs; GET /readyz says for what.",
    "Repeat after the seconds of Retry-After.",
  ),
  database_unavailable: kind(
    503,
    "Database away",
    "The database does not answer, so nothing was done.",
    "Repeat after the seconds of Retry-After.",
  ),
  database_busy: kind(
    503,
    "Database busy",
    "The database gave way to another request that changed the same things at the same moment. Nothing was done.",
    "Repeat after the seconds of Retry-After.",
  ),
  temporal_unavailable: kind(
    503,
    "Workflow service away",
    "The service that runs the processes does not answer.",
    "Repeat after the seconds of Retry-After, with the same Idempotency-Key.",
  ),
  rpc_unavailable: kind(
    503,
    "Chain away",
    "No endpoint of the chain answers.",
    "Repeat after the seconds of Retry-After.",
  ),
  wrong_chain: kind(
    503,
    "Another chain",
    "The endpoints of the chain answer for another chain than the configured one.",
    "An operator has to correct ETH_HTTP_ENDPOINT.",
  ),
};
