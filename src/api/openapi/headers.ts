import { rateOf, type Route } from "../route.ts";

const text = (maxLength: number) => ({ type: "string", maxLength }) as const;
const seconds = { type: "integer", format: "int32", minimum: 0, maximum: 86_400 } as const;

/** The headers of answers, each described once. */
export const HEADERS = {
  "X-Request-Id": {
    description: "The id of the request, yours if you sent one: name it when you report something",
    schema: { ...text(64), pattern: "^[\\w-]{8,64}$" },
  },
  RateLimit: {
    description: "What is left of the quota, and in how many seconds it is full again",
    schema: text(100),
    example: '"read";r=598;t=42',
  },
  "RateLimit-Policy": {
    description: "The quota, and the seconds it is for",
    schema: text(100),
    example: '"read";q=600;w=60',
  },
  "Retry-After": { description: "Seconds to wait before asking again", schema: seconds },
  ETag: {
    description: "For If-None-Match; it stays while the answer says the same",
    schema: text(100),
  },
  Location: {
    description: "What came of it, or where to ask how far it is",
    schema: { ...text(400), format: "uri-reference" },
  },
  "Access-Control-Allow-Origin": {
    description:
      "Your origin, if it is one of the configured frontends; else there is no such header",
    schema: { ...text(400), format: "uri" },
  },
  "WWW-Authenticate": { description: "How to log in", schema: text(100) },
} as const;

type Name = keyof typeof HEADERS;

/** The headers of an answer of a route. */
export function headersOf(one: Route, status: number): Record<string, { $ref: string }> {
  const names: Name[] = ["X-Request-Id", "Access-Control-Allow-Origin"];
  // Before a caller is known there is no quota of theirs to tell of.
  if (rateOf(one) !== "none" && status < 500) names.push("RateLimit", "RateLimit-Policy");
  if ([202, 429, 503].includes(status) || (status === 409 && one.acceptsIdempotencyKey === true))
    names.push("Retry-After");
  if (one.method === "GET" && (status === 200 || status === 304)) names.push("ETag");
  if (one.located?.includes(status) === true) names.push("Location");
  if (status === 401) names.push("WWW-Authenticate");
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
