import { Gauge, type Registry } from "prom-client";
import type { Vitals } from "./db/vitals.ts";

const GAUGES: Readonly<Record<keyof Vitals, readonly [name: string, help: string]>> = {
  auctionsLate: ["auctions_late", "Auctions past their end time that are not ended"],
  latestAuctionLateS: [
    "auction_lateness_max_seconds",
    "How long ago the one that waits longest should have ended",
  ],
  operationsOpen: ["operations_open", "Operations that are due and not settled"],
  oldestOperationS: ["operation_age_max_seconds", "Since when the oldest of them is due"],
  messagesWaiting: ["outbox_waiting", "Messages to processes that are not delivered"],
  oldestMessageS: ["outbox_age_max_seconds", "Age of the oldest of them"],
  meetingsOverdue: ["meetings_overdue", "Meetings that should be closed and are not"],
  oldestMeetingS: ["meeting_lateness_max_seconds", "Since when the oldest of them should be"],
  indexHalted: ["index_halted", "1 while the index waits for an operator"],
};

/**
 * Gauges that are read from the database when somebody looks, once for all of them. While it cannot be read they have no
 * value: an old one would hide the trouble.
 */
export function createVitalMetrics(
  registry: Registry,
  read: () => Promise<Vitals>,
  onError: (error: unknown) => void,
): void {
  let reading: Promise<Vitals | undefined> | undefined;
  const vitals = async (): Promise<Vitals | undefined> => {
    try {
      return await read();
    } catch (error) {
      onError(error);
      return undefined;
    } finally {
      reading = undefined;
    }
  };
  for (const [key, [name, help]] of Object.entries(GAUGES)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [],
      async collect() {
        const value = (await (reading ??= vitals()))?.[key as keyof Vitals];
        if (value === undefined) gauge.remove();
        else gauge.set(value);
      },
    });
    registry.registerMetric(gauge);
  }
}
