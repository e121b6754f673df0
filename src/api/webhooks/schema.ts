import { z } from "zod";
import type { DeliveryRow } from "../../db/webhook-deliveries.ts";
import type { WebhookRow } from "../../db/webhooks.ts";
import { page, Time, timeOrNull } from "../schema.ts";

/** Webhooks of one user. */
export const MAX_WEBHOOKS = 10;

const EventType = z
  .string()
  .regex(/^[a-z]+(-[a-z]+)*$/, "must be the name of an event, such as meeting-opened")
  .max(100)
  .meta({ examples: ["meeting-opened"] });

export const WebhookBody = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .max(2_000)
      .meta({
        description: "https, at a public address",
        examples: ["https://example.org/auction-events"],
      }),
    types: z.array(EventType).min(1).max(50).optional().meta({
      description: "Only these types of events; all of yours if not given",
    }),
  })
  .meta({ id: "WebhookRequest" });

const webhookShape = {
  id: z.uuid(),
  url: z.string().max(2_000),
  types: z.array(z.string().max(100)).max(50).nullable(),
  state: z.enum(["enabled", "disabled"]),
  disabledReason: z.string().max(1_000).nullable(),
  failingSince: Time.nullable().meta({ description: "Nothing has been taken since then" }),
  createdAt: Time,
};

export const Webhook = z.strictObject(webhookShape).meta({ id: "Webhook" });

export const WebhookWithSecret = z
  .strictObject({
    ...webhookShape,
    secret: z.string().max(200).meta({
      description:
        "Signs what is sent (Standard Webhooks). Shown this once: nobody can read it again",
    }),
  })
  .meta({ id: "WebhookWithSecret" });

export const WebhookList = z
  .strictObject({ data: z.array(Webhook).max(MAX_WEBHOOKS) })
  .meta({ id: "WebhookList" });

export const WebhookParams = z.strictObject({ id: z.uuid() });

export const Delivery = z
  .strictObject({
    id: z.uuid(),
    eventId: z.uuid().meta({ description: "The webhook-id of the message" }),
    seq: z.int(),
    type: z.string().max(100),
    state: z.enum(["pending", "delivered", "failed"]),
    attempts: z.int(),
    nextAttemptAt: Time.nullable(),
    lastStatus: z.int().nullable(),
    lastError: z.string().max(1_000).nullable(),
    createdAt: Time,
    deliveredAt: Time.nullable(),
  })
  .meta({ id: "WebhookDelivery" });

export const DeliveryPage = page(Delivery, "WebhookDeliveryPage");

export function webhookView(row: WebhookRow): z.input<typeof Webhook> {
  const { id, url, types, state, disabledReason } = row;
  return {
    id,
    url,
    types: types === null ? null : [...types],
    state,
    disabledReason,
    failingSince: timeOrNull(row.failingSince),
    createdAt: row.createdAt.toISOString(),
  };
}

export function deliveryView(row: DeliveryRow): z.input<typeof Delivery> {
  const { id, eventId, seq, type, state, attempts, lastStatus, lastError } = row;
  return {
    id,
    eventId,
    seq,
    type,
    state,
    attempts,
    nextAttemptAt: state === "pending" ? row.nextAttemptAt.toISOString() : null,
    lastStatus,
    lastError,
    createdAt: row.createdAt.toISOString(),
    deliveredAt: timeOrNull(row.deliveredAt),
  };
}
