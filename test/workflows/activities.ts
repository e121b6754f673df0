import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import type { Activities, ChainActivities } from "../../src/activities/index.ts";
import { type Repair, REPAIRS } from "../../src/activities/reconcile.ts";
import {
  type AuctionRef,
  type ChainReport,
  type MeetingInput,
  type Outcome,
} from "../../src/domain/process.ts";

export type AllActivities = Activities & ChainActivities;

/** One call of an activity, as a worker received it. */
export interface Call {
  readonly activity: keyof AllActivities;
  readonly args: readonly unknown[];
  readonly workflowId: string;
  readonly attempt: number;
  readonly atMs: number;
}

/** What one workflow's activities do instead of the default. */
export type Script = Partial<AllActivities>;

export const HOST = "0x1111111111111111111111111111111111111111";
export const WINNER = "0x2222222222222222222222222222222222222222";

export const NOTHING_REPAIRED = Object.fromEntries(REPAIRS.map((one) => [one, 0])) as Record<
  Repair,
  number
>;

/** What the contract says by default: all as the database has it. */
export const REPORT: ChainReport = {
  blockNumber: 5,
  onChain: { state: "active", endsAtMs: 0, winner: null, highBidWei: "0" },
  inDatabase: { phase: "bidding", endsAtMs: 0, winner: null },
  indexedBlock: 5,
  differences: [],
};

/** What `arrangeMeeting` answers by default: a meeting far away, which only sleeps. */
export function meetingOf(ref: AuctionRef, times: Partial<MeetingInput> = {}): MeetingInput {
  const startsAtMs = Date.now() + 3_600_000;
  const { chainId, contract, auctionId } = ref;
  return {
    chainId,
    contract,
    auctionId,
    meetingId: `meeting-of-${auctionId}`,
    host: HOST,
    winner: WINNER,
    startsAtMs,
    endsAtMs: startsAtMs + 3_600_000,
    latestEndsAtMs: startsAtMs + 7_200_000,
    opensAtMs: startsAtMs - 300_000,
    ...times,
  };
}

/** What a failed activity looks like after the product's interceptor: refused for ever, or worth another try. */
export function failure(type: string, message: string, nonRetryable: boolean): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable });
}

/**
 * The activities of the product, in memory: they record every call and do what the script of the calling
 * workflow says.
 */
export class FakeActivities {
  readonly calls: Call[] = [];
  readonly #scripts = new Map<string, Script>();

  /** Sets what the activities of one workflow do; what the script leaves out keeps the default. */
  script(workflowId: string, script: Script): void {
    this.#scripts.set(workflowId, script);
  }

  /** The calls of one workflow, oldest first. */
  of(workflowId: string, activity?: keyof AllActivities): Call[] {
    return this.calls.filter(
      (call) =>
        call.workflowId === workflowId && (activity === undefined || call.activity === activity),
    );
  }

  /** The names of the activities that one workflow called, in order. */
  names(workflowId: string): string[] {
    return this.of(workflowId).map((call) => call.activity);
  }

  implementations(): AllActivities {
    const nothing = async (): Promise<void> => {};
    const held: Outcome = 1;
    return {
      requestEnd: this.#recorded("requestEnd", nothing),
      arrangeMeeting: this.#recorded("arrangeMeeting", async (ref) => meetingOf(ref)),
      announceUnsold: this.#recorded("announceUnsold", nothing),
      announceCancelled: this.#recorded("announceCancelled", nothing),
      remind: this.#recorded("remind", nothing),
      openMeeting: this.#recorded("openMeeting", nothing),
      recordExtension: this.#recorded("recordExtension", nothing),
      checkEarlyClose: this.#recorded("checkEarlyClose", nothing),
      closeMeeting: this.#recorded("closeMeeting", async () => held),
      announceSettlement: this.#recorded("announceSettlement", nothing),
      leaveWithdrawn: this.#recorded("leaveWithdrawn", nothing),
      endRooms: this.#recorded("endRooms", nothing),
      overrule: this.#recorded("overrule", nothing),
      recordOperatorAction: this.#recorded("recordOperatorAction", nothing),
      lookAtChain: this.#recorded("lookAtChain", async () => REPORT),
      pauseWallet: this.#recorded("pauseWallet", nothing),
      resumeWallet: this.#recorded("resumeWallet", nothing),
      reconcile: this.#recorded("reconcile", async () => NOTHING_REPAIRED),
      runIndexer: this.#recorded("runIndexer", async () => "turn-over"),
      runWallet: this.#recorded("runWallet", async () => "turn-over"),
    };
  }

  #recorded<K extends keyof AllActivities>(
    activity: K,
    byDefault: (...args: Parameters<AllActivities[K]>) => ReturnType<AllActivities[K]>,
  ): (...args: Parameters<AllActivities[K]>) => ReturnType<AllActivities[K]> {
    return (...args) => {
      const { workflowExecution, attempt } = Context.current().info;
      const workflowId = workflowExecution?.workflowId ?? "none";
      this.calls.push({ activity, args, workflowId, attempt, atMs: Date.now() });
      const scripted = this.#scripts.get(workflowId)?.[activity] as typeof byDefault | undefined;
      return (scripted ?? byDefault)(...args);
    };
  }
}
