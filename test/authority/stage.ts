// The same scene for every question: a sold auction with its meeting, everybody it concerns, and somebody it does not.
import { randomBytes } from "node:crypto";
import type { Client } from "@temporalio/client";
import { recordEvents } from "../../src/db/events.ts";
import { seedSold, type Person, type TestApi } from "../support/api.ts";

/** The people of a scene. `winner` owns the pass now; `former` won it and gave it on. */
export const ROLES = ["host", "winner", "former", "other"] as const;
export type Role = (typeof ROLES)[number];

export interface Stage {
  readonly api: TestApi;
  readonly people: Readonly<Record<Role, Person>>;
  readonly auctionId: string;
  readonly meetingId: string;
  readonly roomName: string;
  /** The transaction in which the host created the auction. */
  readonly transactionHash: string;
  /** In the host's inbox, unread. */
  readonly notificationId: string;
  /** A type that no other scene has; one event of it for the host alone. */
  readonly eventType: string;
}

/** A workflow that does what it is asked: who may ask is decided before. */
export const willingTemporal = {
  withDeadline: (_deadline: number, work: () => Promise<unknown>) => work(),
  workflow: {
    getHandle: () => ({
      startUpdate: async () => ({
        result: async () => ({ phase: "open", endsAtMs: 0, outcome: null, settled: false }),
      }),
    }),
  },
} as unknown as Client;

/** Seeds a scene. What was sold on is so in the projection and on the chain. */
export async function createStage(api: TestApi): Promise<Stage> {
  const [host, winner, former, other] = await Promise.all(ROLES.map((role) => named(api, role)));
  if (!host || !winner || !former || !other) throw new Error("somebody is missing");
  const { auctionId, meetingId, roomName } = await seedSold(api, host, former);
  const owner = winner.wallet.address.toLowerCase();
  await api.db.query(
    "UPDATE auctions SET pass_owner = $2, last_pass_owner = $2 WHERE auction_id = $1",
    [auctionId, owner],
  );
  api.reader.passOwners.set(auctionId, owner);
  const transactionHash = `0x${randomBytes(32).toString("hex")}`;
  api.reader.creations.set(transactionHash, {
    status: "created",
    auctions: [{ auctionId, host: host.wallet.address.toLowerCase() }],
    blockNumber: 5,
    confirmations: 99,
  });
  const [notification] = await api.db.query<{ id: string }>(
    "INSERT INTO notifications (user_id, cause, type, title, body) VALUES ($1, 'c', 't', 'T', 'B') RETURNING id",
    [host.account.id],
  );
  const eventType = `scene-${randomBytes(6).toString("hex")}`;
  await api.db.transaction((tx) =>
    recordEvents(tx, [{ type: eventType, audience: [`user:${host.account.id}`], data: {} }]),
  );
  return {
    api,
    people: { host, winner, former, other },
    auctionId,
    meetingId,
    roomName,
    transactionHash,
    notificationId: notification?.id ?? "",
    eventType,
  };
}

function named(api: TestApi, role: Role): Promise<Person> {
  return api.person(`${role}-${randomBytes(6).toString("hex")}`);
}
