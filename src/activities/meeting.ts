import { crashPoint } from "../crash.ts";
import { loadAuction } from "../chain/indexing/auctions.ts";
import { isRebuilding } from "../chain/indexing/store.ts";
import { requestOperation } from "../chain/sending/operations.ts";
import { clockMs, type Database, type Queryable } from "../db/database.ts";
import {
  getMeeting,
  lockState,
  markClosed,
  markClosing,
  markOpen,
  type Meeting,
  moveEnd,
  recordExtensionOf,
  tell,
} from "../db/meetings.ts";
import { attendanceOf, overruledOutcome } from "../db/attendance.ts";
import { notifyWallet } from "../db/notifications.ts";
import { recordOperatorAction } from "../db/operators.ts";
import { recordOverrule } from "../db/overrules.ts";
import { endSessions } from "../db/sessions.ts";
import { requiredTogetherMs } from "../domain/attendance.ts";
import { decideOutcome } from "../domain/outcome.ts";
import {
  CHAIN_CHANGED,
  type ChainChanged,
  type MeetingInput,
  meetingWorkflowId,
  operationKey,
  type Outcome,
  type OverruleCommand,
} from "../domain/process.ts";
import { AppError, refused } from "../errors.ts";
import type { RoomTokens } from "../jitsi/index.ts";
import type { Logger } from "../logging.ts";
import { createRoomActivities } from "./meeting-rooms.ts";
import { nameOf, tellOfSettlement } from "./settlement-news.ts";

export interface MeetingActivityOptions {
  readonly db: Database;
  readonly rooms: RoomTokens;
  readonly logger: Logger;
  /** MEETING_MIN_TOGETHER_S */
  readonly minTogetherS?: number;
  /** MEETING_REVIEW_S: how long a decided outcome waits for an operator's word before it is settled. */
  readonly reviewS?: number;
  /** For metrics: a settlement was asked for the first time. */
  readonly onAsked?: (kind: "settle") => void;
}

const MIN_TOGETHER_S = 60;

/** For whoever asks why two have not been together. */
function whoWasMissing(hostMs: number, winnerMs: number): string {
  if (hostMs === 0 && winnerMs === 0) return "nobody has been there since it began";
  if (winnerMs === 0) return "the owner of the pass has not been there since it began";
  if (hostMs === 0) return "the host has not been there since it began";
  return "they have not been in the room at the same time";
}

/** Activities of the meeting workflow. Each may run more than once and has its effect once; a withdrawn meeting has none. */
export function createMeetingActivities(options: MeetingActivityOptions) {
  const { db, rooms, logger, minTogetherS = MIN_TOGETHER_S, reviewS = 0 } = options;
  const attendedUntil = (tx: Queryable, meeting: Meeting, untilMs: number) =>
    attendanceOf(tx, meeting.id, {
      startsAtMs: meeting.startsAt.getTime(),
      endsAtMs: Math.min(untilMs, meeting.endsAt.getTime()),
    });

  async function notifyBoth(
    meeting: Meeting,
    what: string,
    event: string,
    data: object,
    title: string,
    body: string,
  ): Promise<void> {
    await db.transaction(async (tx) => {
      await tell(tx, meeting, event, data);
      for (const wallet of new Set([meeting.host, meeting.guest])) {
        await notifyWallet(tx, wallet, {
          cause: `${meetingWorkflowId(meeting.id)}:${what}`,
          type: event,
          title,
          body,
          data: { meetingId: meeting.id, auctionId: meeting.auctionId, ...data },
        });
      }
    });
  }

  const jitsi = createRoomActivities({ db, rooms, logger });

  return {
    ...jitsi.activities,

    /** Reminds both that the meeting is near. */
    async remind(meetingId: string): Promise<void | ChainChanged> {
      const meeting = await getMeeting(db, meetingId);
      if (meeting.state === "withdrawn") return CHAIN_CHANGED;
      const startsAt = meeting.startsAt.toISOString();
      await notifyBoth(
        meeting,
        "reminder",
        "meeting-reminder",
        { startsAt },
        `${nameOf(meeting)} starts soon`,
        `It starts at ${startsAt}.`,
      );
    },

    /** The room may be entered from now on. */
    async openMeeting(meetingId: string): Promise<void | ChainChanged> {
      const meeting = await getMeeting(db, meetingId);
      if (meeting.state === "withdrawn") return CHAIN_CHANGED;
      await markOpen(db, meetingId);
      await notifyBoth(
        meeting,
        "opened",
        "meeting-opened",
        { endsAt: meeting.endsAt.toISOString() },
        `${nameOf(meeting)} is open`,
        "You can enter the room now.",
      );
    },

    /**
     * Records an extension that the workflow has accepted. `repeated`: the command had been recorded, by this activity or for a run
     * of the process before this one, and when it had moved the end to.
     */
    async recordExtension(
      meetingId: string,
      endsAtMs: number,
      // Absent where a worker of the version before has asked for it.
      requestId?: string,
    ): Promise<void | { readonly repeatedEndsAtMs: number }> {
      const endsAt = new Date(endsAtMs);
      return db.transaction(async (tx) => {
        const before =
          requestId === undefined || requestId === ""
            ? undefined
            : await recordExtensionOf(tx, meetingId, requestId, endsAt);
        if (before !== undefined && before.getTime() !== endsAtMs)
          return { repeatedEndsAtMs: before.getTime() };
        await moveEnd(tx, meetingId, endsAt);
        await tell(
          tx,
          await getMeeting(tx, meetingId),
          "meeting-extended",
          { endsAt: endsAt.toISOString() },
          `:${endsAtMs}`,
        );
      });
    },

    /**
     * Whether the host may close before the end: only once the meeting counts as held, as closing pays the host.
     * @throws AppError `meeting_not_started`, `not_both_there_yet`, `meeting_too_short` (refuse)
     */
    async checkEarlyClose(meetingId: string): Promise<void> {
      const meeting = await getMeeting(db, meetingId);
      const nowMs = await clockMs(db);
      if (meeting.startsAt.getTime() > nowMs)
        throw refused("meeting_not_started", "this meeting has not begun yet", 409);
      const { togetherMs, hostMs, winnerMs } = await attendedUntil(db, meeting, nowMs);
      if (togetherMs === 0)
        throw refused(
          "not_both_there_yet",
          `a meeting can be closed before its end only after both have been there together, and ${whoWasMissing(hostMs, winnerMs)}; it closes by itself at its end`,
          409,
        );
      const requiredMs = requiredTogetherMs(meeting.scheduledS, minTogetherS);
      if (togetherMs < requiredMs)
        throw refused(
          "meeting_too_short",
          `a meeting can be closed before its end only after both have been there together for ${Math.ceil(requiredMs / 1_000)} s; it closes by itself at its end`,
          409,
        );
    },

    /**
     * Decides how the meeting came out, asks for the settlement and ends the room. Returns the outcome. The room is ended once
     * nobody can get into a new one of its name; a Jitsi that is away or refuses does not hold back the money.
     */
    async closeMeeting(
      input: MeetingInput,
      closedBy: string | null,
    ): Promise<Outcome | ChainChanged> {
      const meeting = await getMeeting(db, input.meetingId);
      const auction = await loadAuction(db, meeting.chainId, meeting.contract, meeting.auctionId);
      // What is decided already stays, and what is withdrawn needs no decision.
      const isUndecided = meeting.state !== "withdrawn" && meeting.outcome === null;
      if (isUndecided && (auction === undefined || (await isRebuilding(db, meeting.chainId))))
        throw new AppError({
          kind: "retry",
          code: "projection_behind",
          message: "the indexer has not come to this auction, or to its present state, yet",
        });
      let isNew = false;
      const closed = await db.transaction(async (tx) => {
        // Looked at under the row's lock: a settlement must not be asked for of a meeting that is being withdrawn.
        if ((await lockState(tx, meeting.id)) === "withdrawn") return CHAIN_CHANGED;
        const attendance = await attendedUntil(tx, meeting, await clockMs(tx));
        const mintedAt = auction?.steps.minted?.at;
        const requiredMs = requiredTogetherMs(meeting.scheduledS, minTogetherS);
        // Without the pass there was no way in, so it must have come while the required time was still left.
        const couldEnter =
          mintedAt !== undefined &&
          new Date(mintedAt).getTime() + requiredMs <= meeting.endsAt.getTime();
        const overruled = await overruledOutcome(tx, meeting.id);
        const decided = overruled ?? decideOutcome(attendance, requiredMs, couldEnter);
        const { outcome, closedAt } = await markClosing(tx, meeting.id, decided, closedBy);
        logger.info("a meeting is closed", {
          meetingId: meeting.id,
          outcome,
          overruled: overruled !== undefined,
          ...attendance,
        });
        await endSessions(tx, meeting.id);
        await tell(tx, meeting, "meeting-closed", { outcome });
        const { chainId, contract, auctionId } = input;
        isNew = await requestOperation(tx, {
          key: operationKey("settle", input),
          kind: "settle",
          chainId,
          contract,
          auctionId,
          outcome,
          // Counted from the closing, so that asking again moves nothing.
          notBeforeS: reviewS === 0 ? 0 : Math.ceil(closedAt.getTime() / 1_000) + reviewS,
          workflowId: meetingWorkflowId(meeting.id),
        });
        crashPoint("meeting.settling");
        return outcome;
      });
      if (isNew) options.onAsked?.("settle");
      if (closed !== CHAIN_CHANGED && meeting.state !== "closed")
        // The pass may have moved, and taken the room along, until it was committed.
        await jitsi.endRoomOrLater(await getMeeting(db, meeting.id));
      crashPoint("meeting.room-ended");
      return closed;
    },

    /** An operator decides how the meeting came out: `id` names the decision. @throws AppError of `recordOverrule` */
    async overrule(meetingId: string, id: string, command: OverruleCommand): Promise<void> {
      const { by, reason, outcome } = command;
      await db.transaction(async (tx) => {
        await recordOverrule(tx, meetingId, id, command);
        const target = meetingWorkflowId(meetingId);
        const action = { action: "overrule", target, requestId: id, by, reason } as const;
        await recordOperatorAction(tx, { ...action, details: { outcome } });
      });
      logger.warn("an operator has overruled how a meeting came out", {
        meetingId,
        outcome: command.outcome,
        by: command.by,
      });
    },

    /** The contract has settled: tells both what happened to the money. */
    async announceSettlement(meetingId: string): Promise<void | ChainChanged> {
      const meeting = await getMeeting(db, meetingId);
      if (meeting.state === "withdrawn") return CHAIN_CHANGED;
      const auction = await loadAuction(db, meeting.chainId, meeting.contract, meeting.auctionId);
      const settled = auction?.steps.settled;
      if (auction === undefined || settled === undefined)
        throw new AppError({
          kind: "retry",
          code: "projection_behind",
          message: "the indexer has not seen the settlement yet",
        });
      await db.transaction(async (tx) => {
        await markClosed(tx, meetingId);
        await tellOfSettlement(tx, meeting, auction, settled.transactionHash);
      });
      crashPoint("outcome.announced");
    },
  };
}
