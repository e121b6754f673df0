import { z } from "zod";
import type { Queryable } from "../../db/database.ts";
import { deliveriesOf } from "../../db/webhook-deliveries.ts";
import {
  addSecret,
  addWebhook,
  enableWebhook,
  holdWebhook,
  removeWebhook,
  webhooksOf,
} from "../../db/webhooks.ts";
import { refused } from "../../errors.ts";
import { urlRefusal } from "../../outside/public-post.ts";
import type { ApiDeps } from "../context.ts";
import { pageOf } from "../cursor.ts";
import { route } from "../route.ts";
import { NoBody, PageQuery } from "../schema.ts";
import { reachOf } from "./dispatcher.ts";
import {
  DeliveryPage,
  deliveryView,
  MAX_WEBHOOKS,
  Webhook,
  WebhookBody,
  WebhookList,
  WebhookParams,
  webhookView,
  WebhookWithSecret,
} from "./schema.ts";
import { newSecret } from "./secrets.ts";

/** How long the secret before signs too, so that receivers can be changed one after the other. */
const OLD_SECRET_SIGNS_S = 86_400;

const IdKey = z.tuple([z.uuid()]);

const notFound = () => refused("webhook_not_found", "there is no such webhook of yours", 404);

async function giveSecret(tx: Queryable, deps: ApiDeps, webhookId: string): Promise<string> {
  const { secret, sealed } = newSecret(deps.config.ENCRYPTION_KEYS);
  await addSecret(tx, webhookId, sealed, OLD_SECRET_SIGNS_S);
  return secret;
}

export const webhookRoutes = [
  route({
    method: "POST",
    path: "/api/webhooks",
    operationId: "addWebhook",
    tag: "webhooks",
    summary: "Have your events sent to a URL",
    description:
      "What concerns you or your wallets is posted there, signed after the Standard Webhooks specification, and tried again for three days until it is answered 2xx. The same message can come twice: its webhook-id tells.",
    policy: "user",
    body: WebhookBody,
    responses: { 201: WebhookWithSecret },
    problems: [409],
    handler: async ({ body, user }, deps) => {
      const refusal = urlRefusal(body.url, reachOf(deps.config));
      if (refusal !== undefined)
        throw refused("webhook_url_refused", `the URL ${refusal}`, 422, [
          { pointer: "/url", code: "webhook_url_refused", detail: refusal },
        ]);
      return deps.db.transaction(async (tx) => {
        const added = await addWebhook(
          tx,
          user.id,
          { url: body.url, types: body.types },
          MAX_WEBHOOKS,
        );
        if (added === undefined)
          throw refused(
            "too_many_webhooks",
            `one user has ${MAX_WEBHOOKS} webhooks at most; remove one first`,
            409,
          );
        const secret = await giveSecret(tx, deps, added.id);
        return { status: 201, body: { ...webhookView(added), secret } };
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/webhooks",
    operationId: "listWebhooks",
    tag: "webhooks",
    summary: "Where your events are sent",
    policy: "user",
    responses: { 200: WebhookList },
    handler: async ({ user }, deps) => ({
      status: 200,
      body: { data: (await webhooksOf(deps.db, user.id)).map(webhookView) },
    }),
  }),
  route({
    method: "DELETE",
    path: "/api/webhooks/{id}",
    operationId: "removeWebhook",
    tag: "webhooks",
    summary: "Send nothing there any more",
    policy: "user",
    params: WebhookParams,
    responses: { 204: NoBody },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      if (!(await removeWebhook(deps.db, user.id, params.id))) throw notFound();
      return { status: 204, body: undefined };
    },
  }),
  route({
    method: "POST",
    path: "/api/webhooks/{id}/rotate-secret",
    operationId: "rotateWebhookSecret",
    tag: "webhooks",
    summary: "Get a new signing secret",
    description:
      "For a day messages are signed with the new one and those of before, four of them at most.",
    policy: "user",
    params: WebhookParams,
    responses: { 200: WebhookWithSecret },
    problems: [404],
    handler: async ({ params, user }, deps) =>
      deps.db.transaction(async (tx) => {
        const webhook = await holdWebhook(tx, user.id, params.id);
        if (webhook === undefined) throw notFound();
        const secret = await giveSecret(tx, deps, webhook.id);
        return { status: 200, body: { ...webhookView(webhook), secret } };
      }),
  }),
  route({
    method: "POST",
    path: "/api/webhooks/{id}/enable",
    operationId: "enableWebhook",
    tag: "webhooks",
    summary: "Send there again, after it was disabled",
    description: "What happened meanwhile is not sent; GET /api/events has it.",
    policy: "user",
    params: WebhookParams,
    responses: { 200: Webhook },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      const webhook = await enableWebhook(deps.db, user.id, params.id);
      if (webhook === undefined) throw notFound();
      return { status: 200, body: webhookView(webhook) };
    },
  }),
  route({
    method: "GET",
    path: "/api/webhooks/{id}/deliveries",
    operationId: "listWebhookDeliveries",
    tag: "webhooks",
    summary: "What was sent there, newest first, and what came of it",
    policy: "user",
    params: WebhookParams,
    query: PageQuery,
    responses: { 200: DeliveryPage },
    problems: [404],
    handler: async ({ params, query, user }, deps) => {
      if ((await holdWebhook(deps.db, user.id, params.id)) === undefined) throw notFound();
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: `deliveries:${params.id}`,
          key: IdKey,
          read: (after, limit) => deliveriesOf(deps.db, params.id, { before: after?.[0], limit }),
          keyOf: (row) => [row.id],
        },
        query,
      );
      return {
        status: 200,
        body: { data: cut.rows.map(deliveryView), nextCursor: cut.nextCursor },
      };
    },
  }),
];
