import { auctionRoutes } from "./auctions/routes.ts";
import { authRoutes } from "./auth/routes.ts";
import { calendarRoutes } from "./calendar/routes.ts";
import { eventRoutes } from "./events/routes.ts";
import { integrationRoutes } from "./integrations/routes.ts";
import { meetingRoutes } from "./meetings/routes.ts";
import { metaRoutes } from "./meta/routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import type { Route } from "./route.ts";
import { webhookRoutes } from "./webhooks/routes.ts";

/** Every route of the API: what the router serves and what the OpenAPI document tells, and nothing else. */
export const routes: readonly Route[] = [
  ...authRoutes,
  ...auctionRoutes,
  ...meetingRoutes,
  ...calendarRoutes,
  ...notificationRoutes,
  ...eventRoutes,
  ...webhookRoutes,
  ...integrationRoutes,
  ...metaRoutes,
];
