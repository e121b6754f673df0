import { z } from "zod";
import { markAllRead, markRead, notificationsOf, unreadCount } from "../../db/feed.ts";
import { refused } from "../../errors.ts";
import { pageOf } from "../cursor.ts";
import { route } from "../route.ts";
import {
  Notification,
  NotificationPage,
  NotificationParams,
  NotificationQuery,
  notificationView,
  ReadAllAnswer,
} from "./schema.ts";

const IdKey = z.tuple([z.uuid()]);

export const notificationRoutes = [
  route({
    method: "GET",
    path: "/api/notifications",
    operationId: "listNotifications",
    tag: "notifications",
    summary: "The user's inbox, newest first, and how many are unread",
    policy: "user",
    query: NotificationQuery,
    responses: { 200: NotificationPage },
    handler: async ({ query, user }, deps) => {
      const unreadOnly = query.unread === "true";
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: `inbox:${query.unread ?? "false"}`,
          key: IdKey,
          read: (after, limit) =>
            notificationsOf(deps.db, user.id, { unreadOnly, before: after?.[0], limit }),
          keyOf: (row) => [row.id],
        },
        query,
      );
      return {
        status: 200,
        body: {
          data: cut.rows.map(notificationView),
          nextCursor: cut.nextCursor,
          unreadCount: await unreadCount(deps.db, user.id),
        },
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/notifications/{id}/read",
    operationId: "markNotificationRead",
    tag: "notifications",
    summary: "Mark one notification as read",
    policy: "user",
    params: NotificationParams,
    responses: { 200: Notification },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      const row = await markRead(deps.db, user.id, params.id);
      if (row === undefined)
        throw refused("notification_not_found", "there is no such notification of yours", 404);
      return { status: 200, body: notificationView(row) };
    },
  }),
  route({
    method: "POST",
    path: "/api/notifications/read-all",
    operationId: "markAllNotificationsRead",
    tag: "notifications",
    summary: "Mark all notifications as read",
    policy: "user",
    responses: { 200: ReadAllAnswer },
    handler: async ({ user }, deps) => ({
      status: 200,
      body: {
        marked: await markAllRead(deps.db, user.id),
        unreadCount: await unreadCount(deps.db, user.id),
      },
    }),
  }),
];
