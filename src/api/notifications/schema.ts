import { z } from "zod";
import type { NotificationRow } from "../../db/feed.ts";
import { MAX_PAGE_SIZE, NextCursor, PageQuery, Time, timeOrNull } from "../schema.ts";

export const Notification = z
  .strictObject({
    id: z.uuid(),
    type: z.string().max(100),
    title: z.string().max(400),
    body: z.string().max(4_000),
    data: z.record(z.string().max(100), z.unknown()),
    readAt: Time.nullable(),
    createdAt: Time,
  })
  .meta({ id: "Notification" });

export const NotificationPage = z
  .strictObject({
    data: z.array(Notification).max(MAX_PAGE_SIZE),
    nextCursor: NextCursor,
    unreadCount: z.int(),
  })
  .meta({ id: "NotificationPage" });

export const NotificationQuery = PageQuery.extend({
  unread: z
    .enum(["true", "false"])
    .optional()
    .meta({ description: "`true`: only those not read yet" }),
});

export const NotificationParams = z.strictObject({ id: z.uuid() });

export const ReadAllAnswer = z
  .strictObject({ marked: z.int(), unreadCount: z.int() })
  .meta({ id: "NotificationsRead" });

export function notificationView(row: NotificationRow): z.input<typeof Notification> {
  return {
    id: row.id,
    type: row.type,
    title: row.title,
    body: row.body,
    data: { ...row.data },
    readAt: timeOrNull(row.readAt),
    createdAt: row.createdAt.toISOString(),
  };
}
