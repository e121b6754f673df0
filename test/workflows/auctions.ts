import type { WorkflowHandle } from "@temporalio/client";
import {
  type AuctionInput,
  type AuctionState,
  auctionWorkflowId,
  type OperationKind,
  operationKey,
  type OperationSettledMessage,
  TASK_QUEUES,
} from "../../src/domain/process.ts";
import type { auction, AuctionArguments } from "../../src/workflows/auction.ts";
import {
  ENDS_AT,
  FAILURE_CODE,
  NEEDS_OPERATOR,
  PHASE,
} from "../../src/workflows/search-attributes.ts";
import { startAuctionWorkflow } from "../../src/workflows/start.ts";
import { HOST, type Script, WINNER } from "./activities.ts";
import { sleepsUntil, stateOf, until, type World } from "./world.ts";

export const SALE = { winner: WINNER, amountWei: "1500000000000000000" };

let auctions = 0;

/** Farther than any test lasts. */
export const FAR_MS = 24 * 3_600_000;

export interface StartOptions {
  readonly endsInMs?: number;
  readonly leadMs?: number;
  readonly script?: Script;
  readonly continueAfterEvents?: number;
}

/** One auction in a test: its workflow, what was called for it, and the messages of the chain. */
export class TestAuction {
  readonly world: World;
  readonly input: AuctionInput;
  readonly leadMs: number;
  readonly handle: WorkflowHandle<typeof auction>;

  constructor(world: World, input: AuctionInput, leadMs: number) {
    this.world = world;
    this.input = input;
    this.leadMs = leadMs;
    this.handle = world.client.workflow.getHandle<typeof auction>(auctionWorkflowId(input));
  }

  get id(): string {
    return auctionWorkflowId(this.input);
  }

  /** The names of the activities called, in order. */
  get steps(): string[] {
    return this.world.activities.names(this.id);
  }

  /** The ends that were asked for, in seconds. */
  get requestedEnds(): unknown[] {
    return this.world.activities.of(this.id, "requestEnd").map((call) => call.args[1]);
  }

  state(condition: (state: AuctionState) => boolean): Promise<AuctionState> {
    return stateOf(this.handle, condition);
  }

  extend(endsAtMs: number): Promise<void> {
    return this.handle.signal("extended", { endsAtMs, blockNumber: 1 });
  }

  cancel(): Promise<void> {
    return this.handle.signal("cancelled", { blockNumber: 2 });
  }

  revert(endsAtMs: number, cancelled = false): Promise<void> {
    return this.handle.signal("reverted", { endsAtMs, cancelled, blockNumber: 3 });
  }

  /** A reorg moves the end to a moment from now; the answer is that end. Once the test has seen what it needs of the time before. */
  async moveEndNear(): Promise<number> {
    const endsAtMs = Date.now() + 300;
    await this.revert(endsAtMs);
    return endsAtMs;
  }

  /** Waits until the workflow sleeps until it is time to ask for the end at `endsAtMs`. */
  async sleepsUntilEnd(endsAtMs = this.input.endsAtMs): Promise<void> {
    await until(`${this.id} to sleep until its end`, async () => {
      const firesAtMs = await sleepsUntil(this.handle);
      return firesAtMs === endsAtMs - this.leadMs;
    });
  }

  /** The chain took back what had been done. */
  undo(...undone: readonly OperationKind[]): Promise<void> {
    const { endsAtMs } = this.input;
    return this.handle.signal("reverted", { endsAtMs, cancelled: false, blockNumber: 3, undone });
  }

  /** What the wallet sender says once the operation is settled. */
  settle(kind: OperationKind, message: Partial<OperationSettledMessage> = {}): Promise<void> {
    const settled: OperationSettledMessage = {
      key: operationKey(kind, this.input),
      kind,
      status: "done",
      ...message,
    };
    return this.handle.signal("operationSettled", settled);
  }
}

/** Starts an auction as the outbox relay does. */
export async function startAuction(world: World, options: StartOptions = {}): Promise<TestAuction> {
  const one = newAuction(world, options);
  if (options.continueAfterEvents === undefined) {
    await startAuctionWorkflow(world.client, one.input, one.leadMs);
  } else {
    const args: AuctionArguments = {
      ...one.input,
      leadMs: one.leadMs,
      continueAfterEvents: options.continueAfterEvents,
    };
    await world.client.workflow.start<typeof auction>("auction", {
      workflowId: one.id,
      taskQueue: TASK_QUEUES.auction,
      args: [args],
    });
  }
  return one;
}

/**
 * Starts an auction whose end has come: it asks for its end at once, without a timer, however late its first task is handled. For
 * tests of what comes after the end.
 */
export function startDue(world: World, options: StartOptions = {}): Promise<TestAuction> {
  return startAuction(world, { endsInMs: 0, ...options });
}

/** Starts an auction whose end does not come while a test runs; the test moves the end near once it has seen what it needs. */
export function startBidding(world: World, options: StartOptions = {}): Promise<TestAuction> {
  return startAuction(world, { endsInMs: FAR_MS, ...options });
}

/** An auction that is not started yet. */
export function newAuction(world: World, options: StartOptions = {}): TestAuction {
  auctions += 1;
  const input: AuctionInput = {
    chainId: 31337,
    contract: "0xa0c7000000000000000000000000000000000001",
    auctionId: String(auctions),
    host: HOST,
    endsAtMs: Date.now() + (options.endsInMs ?? 700),
  };
  const one = new TestAuction(world, input, options.leadMs ?? 200);
  if (options.script !== undefined) world.activities.script(one.id, options.script);
  return one;
}

/** What searches find an auction by. */
export async function tagsOf({ handle }: Pick<TestAuction, "handle">) {
  const { typedSearchAttributes: tags } = await handle.describe();
  return {
    phase: tags.get(PHASE),
    endsAtMs: tags.get(ENDS_AT)?.getTime(),
    failureCode: tags.get(FAILURE_CODE),
    needsOperator: tags.get(NEEDS_OPERATOR),
  };
}
