import type { WorkflowHandle } from "@temporalio/client";
import {
  type MeetingInput,
  type MeetingState,
  meetingWorkflowId,
  operationKey,
  type OperationSettledMessage,
  type OverruleCommand,
  TASK_QUEUES,
} from "../../src/domain/process.ts";
import type { meeting } from "../../src/workflows/meeting.ts";
import { closeUpdate, extendUpdate, overruleUpdate } from "../../src/workflows/messages.ts";
import { HOST, meetingOf, type Script } from "./activities.ts";
import { stateOf, type World } from "./world.ts";

let meetings = 0;

export const MINUTE_MS = 60_000;

export interface MeetingTimes {
  readonly opensInMs?: number;
  readonly endsInMs?: number;
  readonly remindInMs?: number;
  /** How far beyond its end it may be extended. */
  readonly extendableByMs?: number;
}

/** One meeting in a test: its workflow, what was called for it, and what people and the chain say. */
export class TestMeeting {
  readonly world: World;
  readonly input: MeetingInput;
  readonly handle: WorkflowHandle<typeof meeting>;

  constructor(world: World, input: MeetingInput) {
    this.world = world;
    this.input = input;
    this.handle = world.client.workflow.getHandle<typeof meeting>(
      meetingWorkflowId(input.meetingId),
    );
  }

  get id(): string {
    return meetingWorkflowId(this.input.meetingId);
  }

  get steps(): string[] {
    return this.world.activities.names(this.id);
  }

  state(condition: (state: MeetingState) => boolean): Promise<MeetingState> {
    return stateOf(this.handle, condition);
  }

  phase(phase: MeetingState["phase"]): Promise<MeetingState> {
    return this.state((state) => state.phase === phase);
  }

  extend(minutes: number, by = HOST): Promise<MeetingState> {
    return this.handle.executeUpdate(extendUpdate, { args: [{ by, minutes }] });
  }

  close(by = HOST): Promise<MeetingState> {
    return this.handle.executeUpdate(closeUpdate, { args: [{ by }] });
  }

  /** What an operator says with the Temporal CLI or in the Web UI. */
  overrule(command: Partial<OverruleCommand> = {}): Promise<MeetingState> {
    const decided = { by: "ops:alice", outcome: 1, reason: "both say it took place", ...command };
    return this.handle.executeUpdate(overruleUpdate, { args: [decided as OverruleCommand] });
  }

  /** What is said when there is a room to end: the pass moved on, or Jitsi was away at the end. */
  leaveRoom(): Promise<void> {
    return this.handle.signal("roomLeft", {});
  }

  /** What the indexer says when the chain took back the sale. */
  withdraw(): Promise<void> {
    return this.handle.signal("withdrawn", { blockNumber: 7 });
  }

  /** What the wallet sender says once the settlement is final. */
  settle(message: Partial<OperationSettledMessage> = {}): Promise<void> {
    const settled: OperationSettledMessage = {
      key: operationKey("settle", this.input),
      kind: "settle",
      status: "done",
      ...message,
    };
    return this.handle.signal("operationSettled", settled);
  }
}

export async function startMeeting(
  world: World,
  times: MeetingTimes = {},
  script: Script = {},
): Promise<TestMeeting> {
  meetings += 1;
  const now = Date.now();
  const endsAtMs = now + (times.endsInMs ?? 600_000);
  const ref = { chainId: 31337, contract: "0xa0c7000000000000000000000000000000000001" };
  const input = meetingOf(
    { ...ref, auctionId: `9${meetings}` },
    {
      startsAtMs: now + (times.opensInMs ?? 0),
      opensAtMs: now + (times.opensInMs ?? 0),
      endsAtMs,
      latestEndsAtMs: endsAtMs + (times.extendableByMs ?? 10 * MINUTE_MS),
      ...(times.remindInMs === undefined ? {} : { remindAtMs: now + times.remindInMs }),
    },
  );
  const one = new TestMeeting(world, input);
  world.activities.script(one.id, script);
  await world.client.workflow.start<typeof meeting>("meeting", {
    workflowId: one.id,
    taskQueue: TASK_QUEUES.auction,
    args: [input],
  });
  return one;
}

/**
 * A meeting that ends by itself soon, but after `before`, which says whether it was in time. Where it was not, the machine is slow:
 * another meeting gets twice the time.
 */
export async function startShort(
  world: World,
  script: Script,
  before: (meeting: TestMeeting) => Promise<boolean>,
): Promise<TestMeeting> {
  for (let endsInMs = 1_500; ; endsInMs *= 2) {
    const one = await startMeeting(world, { endsInMs }, script);
    if (await before(one)) return one;
    await one.handle.terminate();
  }
}

/** The type and message of the refusal an update ended with, wherever it sits in the chain of causes. */
export async function refusalOf(update: Promise<unknown>): Promise<string> {
  let error: unknown = await update.then(
    () => new Error("the update was accepted"),
    (thrown: unknown) => thrown,
  );
  const types: string[] = [];
  while (error instanceof Error) {
    types.push("type" in error && typeof error.type === "string" ? error.type : error.name);
    error = error.cause;
  }
  return types.at(-1) ?? "no error";
}
