// Sales on a real chain, with the meetings that are made of them, for tests of what a reorg does to both.
import { expect } from "@jest/globals";
import { createAuctionActivities } from "../../src/activities/auction.ts";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import {
  type AuctionRef,
  CHAIN_CHANGED,
  type MeetingInput,
  meetingWorkflowId,
} from "../../src/domain/process.ts";
import { testLogger } from "../support/logs.ts";
import { Engine } from "./support.ts";

export interface Sold {
  readonly auctionId: bigint;
  readonly meeting: MeetingInput;
}

export class Sales {
  readonly engine: Engine;
  readonly arranging: ReturnType<typeof createAuctionActivities>;
  readonly holding: ReturnType<typeof createMeetingActivities>;
  /** The rooms that were ended. */
  readonly endedRooms: string[] = [];

  private constructor(engine: Engine) {
    const { db } = engine;
    this.engine = engine;
    this.arranging = createAuctionActivities({
      db,
      opensBeforeS: 300,
      reminderBeforeS: 3_600,
      maxExtensionMinutes: 60,
    });
    this.holding = createMeetingActivities({
      db,
      logger: testLogger(),
      rooms: {
        signRoomToken: () => "nobody enters here",
        roomUrl: () => "nobody enters here",
        kick: async () => ({ asked: false, reason: "not_configured" }) as const,
        endRoom: async (room) => {
          this.endedRooms.push(room);
          return { ended: true, alreadyGone: false };
        },
      },
    });
  }

  static async start(engine?: Engine): Promise<Sales> {
    const sales = new Sales(engine ?? (await Engine.start()));
    const { db, chain } = sales.engine;
    for (const address of [chain.host, sales.bob, sales.carol]) {
      const [user] = await db.query<{ id: string }>(
        "INSERT INTO users (auth_type, identifier) VALUES ('test', $1) RETURNING id",
        [address],
      );
      await db.query("INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, 'para')", [
        address.toLowerCase(),
        user?.id,
      ]);
    }
    return sales;
  }

  get bob(): string {
    return this.engine.chain.person(0);
  }

  get carol(): string {
    return this.engine.chain.person(1);
  }

  ref(auctionId: bigint): AuctionRef {
    const { chainId, contract } = this.engine;
    return { chainId, contract, auctionId: String(auctionId) };
  }

  /** What the sender tells of a sale that the newest block holds. */
  async sale(winner: string): Promise<{ winner: string; amountWei: string; blockNumber: number }> {
    const blockNumber = await this.engine.blockNumber();
    return { winner: winner.toLowerCase(), amountWei: "5000", blockNumber };
  }

  async arrange(auctionId: bigint, winner: string): Promise<MeetingInput> {
    const meeting = await this.arranging.arrangeMeeting(
      this.ref(auctionId),
      await this.sale(winner),
    );
    if (meeting === CHAIN_CHANGED) throw new Error("there is no such sale");
    return meeting;
  }

  /** An auction that Bob has won, with its meeting; the end is the newest block and his bid the one before. */
  async toBob(): Promise<Sold> {
    const { chain } = this.engine;
    const auctionId = await chain.create();
    await chain.bid(auctionId, this.bob, 5_000n);
    await chain.end(auctionId);
    await this.engine.index();
    return { auctionId, meeting: await this.arrange(auctionId, this.bob) };
  }

  /** Replaces the newest blocks by empty ones, and the indexer follows. */
  async reorg(depth: number): Promise<void> {
    await this.engine.reorg(depth);
    const latest = await this.engine.chain.provider.getBlock("latest");
    this.engine.chain.nowS = Number(latest?.timestamp);
    await this.engine.index();
  }

  async stateOf(meetingId: string): Promise<string | undefined> {
    const rows = await this.engine.db.query<{ state: string }>(
      "SELECT state FROM meetings WHERE id = $1",
      [meetingId],
    );
    return rows[0]?.state;
  }

  /** What was said to a process since the message `after`. */
  async messages(workflowId: string, after = 0): Promise<unknown[]> {
    const rows = await this.engine.db.query<{
      kind: string;
      again: boolean;
      payload: { signal?: string; args?: unknown[] };
    }>("SELECT kind, again, payload FROM outbox WHERE workflow_id = $1 AND id > $2 ORDER BY id", [
      workflowId,
      after,
    ]);
    return rows.map((row) =>
      row.kind === "signal"
        ? { [row.payload.signal ?? ""]: row.payload.args?.[0] }
        : { start: row.again },
    );
  }

  async lastMessage(): Promise<number> {
    const rows = await this.engine.db.query<{ id: number }>(
      "SELECT coalesce(max(id), 0)::int AS id FROM outbox",
    );
    return rows[0]?.id ?? 0;
  }

  /** Bob's meeting is withdrawn in every respect: row, process, people. */
  async expectWithdrawn({ meeting: { meetingId } }: Sold): Promise<void> {
    expect(await this.stateOf(meetingId)).toBe("withdrawn");
    expect(await this.messages(meetingWorkflowId(meetingId))).toEqual([
      { withdrawn: { blockNumber: expect.any(Number) } },
    ]);
    const both = [this.engine.chain.host, this.bob].map((one) => one.toLowerCase());
    const told = await this.engine.db.query<{ address: string }>(
      `SELECT w.address FROM notifications n JOIN wallets w USING (user_id) WHERE type = 'meeting-withdrawn' AND data->>'meetingId' = $1`,
      [meetingId],
    );
    expect(told.map((row) => row.address).toSorted()).toEqual(both.toSorted());
    expect(
      await this.engine.db.query(
        "SELECT audience FROM events WHERE type = 'auction-reverted' AND data->>'meetingId' = $1",
        [meetingId],
      ),
    ).toEqual([{ audience: both.map((one) => `wallet:${one}`) }]);
  }
}
