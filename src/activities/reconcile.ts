import type { Client } from "@temporalio/client";
import { forgetExpired } from "../db/credentials.ts";
import type { Database } from "../db/database.ts";
import { first } from "../db/database.ts";
import { pruneEvents } from "../db/events.ts";
import { deliverKept } from "../db/notifications.ts";
import { pruneDeliveries } from "../db/webhook-deliveries.ts";
import type { Logger } from "../logging.ts";
import { missingProjections, stuckMessages, stuckOperations } from "./repairs/database.ts";
import type { MeetingTimes } from "./meeting-input.ts";
import { highWaterMark } from "./repairs/marks.ts";
import { restoreMeetings } from "./repairs/meetings.ts";
import { untoldOutcomes } from "./repairs/outcomes.ts";
import { lostProcesses, type RepairOptions } from "./repairs/processes.ts";

export interface ReconcileOptions extends Partial<MeetingTimes> {
  readonly db: Database;
  readonly client: Client;
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  readonly leadMs: number;
  /** EVENTS_KEPT_DAYS */
  readonly eventsKeptDays: number;
  /** CHAIN_FINALITY_DEPTH */
  readonly finalityDepth?: number;
  /** For metrics. */
  readonly onRepaired?: (what: Repair, count: number) => void;
  readonly logger: Logger;
}

/** What is put right, each counted. */
export const REPAIRS = [
  "missingProjections",
  "restoredMeetings",
  "lostWorkflows",
  "overdueMeetings",
  "untoldOutcomes",
  "stuckOperations",
  "stuckMessages",
] as const;
export type Repair = (typeof REPAIRS)[number];

/** How often each was put right, and the highest realtime event that was ever seen in the database. */
export type ReconcileResult = Readonly<Record<Repair, number>> & { readonly eventSeq?: number };

const DEFAULTS = { opensBeforeS: 300, reminderBeforeS: 900, finalityDepth: 64 };

/** The safety net: compares chain, Postgres and processes, and puts right what does not fit. */
export function createReconcileActivities(given: ReconcileOptions) {
  const options = { ...DEFAULTS, ...given } satisfies RepairOptions;
  const { db, logger } = options;

  return {
    async reconcile(): Promise<ReconcileResult> {
      // Rows first, as processes are started by them; meetings before auctions, as an auction without one would get another.
      const projections = await missingProjections(options);
      const { restored, unknown } = await restoreMeetings(options);
      const repaired: Record<Repair, number> = {
        missingProjections: projections,
        restoredMeetings: restored,
        ...(await lostProcesses(options, unknown)),
        untoldOutcomes: await untoldOutcomes(options),
        stuckOperations: await stuckOperations(options),
        stuckMessages: await stuckMessages(db),
      };
      for (const what of REPAIRS) options.onRepaired?.(what, repaired[what]);
      // Not a repair: what has ended is not kept.
      const forgotten = await forgetExpired(db);
      const prunedEvents = await pruneEvents(db, options.eventsKeptDays);
      await pruneDeliveries(db, options.eventsKeptDays);
      const keptNotifications = await db.transaction(deliverKept);
      logger.info("reconciled", { ...repaired, forgotten, prunedEvents, keptNotifications });
      const sequence = await first<{ eventSeq: number }>(
        db,
        `SELECT last_seq AS "eventSeq" FROM event_sequence`,
      );
      // What runs before this one have seen stays known: a database that was restored must not make it forgotten.
      const mark = await highWaterMark(options.client);
      return { ...repaired, eventSeq: Math.max(sequence?.eventSeq ?? 0, mark) };
    },
  };
}
