import { STATUS_CODES } from "node:http";
import manifest from "../../../package.json" with { type: "json" };
import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiOverrideContext,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
} from "zod-openapi";
import { ProblemSchema, PROBLEM_TYPE } from "../problem.ts";
import { HEADERS, headersOf } from "./headers.ts";
import { REPLIES_KEPT_H } from "../../db/idempotency.ts";
import { IDEMPOTENCY_KEY } from "../idempotency.ts";
import { type Policy, problemStatuses, type Route } from "../route.ts";

type JsonSchema = ZodOpenApiOverrideContext["jsonSchema"];

const TAGS = [
  { name: "auth", description: "Logging in with Para, and binding wallets" },
  { name: "auctions", description: "Auctions and bids, as the chain has them" },
  { name: "meetings", description: "Meetings of sold auctions: entering, extending, closing" },
  { name: "notifications", description: "The inbox" },
  { name: "events", description: "Realtime events, replayable" },
  { name: "webhooks", description: "Your events, sent to a URL of yours" },
  { name: "jitsi", description: "What the Jitsi server asks and reports" },
  { name: "meta", description: "Facts and health" },
];

const SECURITY: Readonly<Record<Policy, Record<string, string[]>[]>> = {
  anyone: [],
  user: [{ accessToken: [] }],
  "maybe-user": [{}, { accessToken: [] }],
  jitsi: [{ integrationSecret: [] }],
};

/** The OpenAPI 3.1 document of the given routes. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: ZodOpenApiPathsObject = {};
  for (const one of routes) {
    paths[one.path] = { ...paths[one.path], [one.method.toLowerCase()]: operation(one) };
  }
  return createDocument(
    {
      openapi: "3.1.1",
      info: {
        title: "Meeting Auction API",
        version: manifest.version,
        description:
          "Auctions of people's time. Amounts are wei as decimal text, times RFC 3339 in UTC, addresses checksummed. Errors are problem documents (RFC 9457) with a stable `code`. Unknown fields are refused; fields may be added to answers.",
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [
        {
          url: "/",
          description: "Whichever gave you this document: production, staging or local",
          "x-internal": false,
        },
      ],
      tags: TAGS,
      paths,
      components: {
        headers: HEADERS,
        securitySchemes: {
          accessToken: {
            type: "http",
            scheme: "bearer",
            bearerFormat: "JWT",
            description:
              "The `token` that logging in returned: an HS256 JWT of this service, handled as RFC8725 says",
          },
          integrationSecret: {
            type: "http",
            scheme: "bearer",
            description: "JITSI_INTEGRATION_SECRET",
          },
        },
      },
    },
    { override: ({ jsonSchema }) => complete(jsonSchema) },
  );
}

/** What zod's formats imply and JSON Schema does not say by itself. */
function complete(schema: JsonSchema): void {
  if (schema.type === "integer") schema.format ??= "int64";
  const length = schema.format === undefined ? undefined : FORMAT_LENGTHS[schema.format];
  if (schema.type === "string" && length !== undefined) schema.maxLength ??= length;
}

const FORMAT_LENGTHS: Readonly<Record<string, number>> = { uuid: 36, "date-time": 24 };

function operation(one: Route): ZodOpenApiOperationObject {
  const { params: path, query, body } = one;
  const types =
    one.bodyTypes === "json-or-form"
      ? ["application/x-www-form-urlencoded", "application/json"]
      : ["application/json"];
  return {
    operationId: one.operationId,
    tags: [one.tag],
    summary: one.summary,
    ...(one.description === undefined ? {} : { description: one.description }),
    security: SECURITY[one.policy],
    requestParams: {
      ...(path === undefined ? {} : { path: path as z.ZodObject }),
      ...(query === undefined ? {} : { query: query as z.ZodObject }),
      ...(one.acceptsIdempotencyKey === true ? { header: IdempotencyHeader } : {}),
    },
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(types.map((type) => [type, { schema: body }])),
          },
        }),
    responses: Object.fromEntries([...successes(one), ...problems(one)]),
  };
}

const IdempotencyHeader = z.object({
  "Idempotency-Key": z
    .string()
    .regex(IDEMPOTENCY_KEY)
    .optional()
    .meta({
      maxLength: 255,
      description: `A fresh UUID for each command. For ${REPLIES_KEPT_H} hours repeats get the answer of the first; 409 while it is at work, 422 for another request under the same key`,
    }),
});

function successes(one: Route): [string, ZodOpenApiResponseObject][] {
  const entries = Object.entries(one.responses).map(
    ([status, schema]): [string, ZodOpenApiResponseObject] => [
      status,
      {
        description: STATUS_CODES[status] ?? "Answer",
        headers: headersOf(one, Number(status)),
        ...(schema instanceof z.ZodUndefined
          ? {}
          : { content: { [one.mediaType ?? "application/json"]: { schema } } }),
      },
    ],
  );
  if (one.method !== "GET") return entries;
  const headers = headersOf(one, 304);
  return [...entries, ["304", { description: "What If-None-Match names is still so", headers }]];
}

function problems(one: Route): [string, ZodOpenApiResponseObject][] {
  return problemStatuses(one)
    .filter((status) => one.responses[status] === undefined)
    .map((status) => [
      String(status),
      {
        description: STATUS_CODES[status] ?? "Problem",
        headers: headersOf(one, status),
        content: { [PROBLEM_TYPE]: { schema: ProblemSchema } },
      },
    ]);
}
