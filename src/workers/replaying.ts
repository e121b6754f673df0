import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import type { DataConverter } from "@temporalio/common";
import type { temporal } from "@temporalio/proto";
import { type ReplayResult, Worker } from "@temporalio/worker";
import { DeterminismViolationError } from "@temporalio/workflow";
import type * as workflows from "../workflows/index.ts";
import type { Build } from "./builds.ts";

type History = temporal.api.history.v1.IHistory;

/** Of every workflow that the code has; a new one is added here, or the types do not fit. */
const TYPES = Object.keys({
  auction: true,
  meeting: true,
  wallet: true,
  chainIndexer: true,
  reconcile: true,
} satisfies Record<keyof typeof workflows, true>);

/** What the codec says, wherever the SDK has wrapped it. */
const MISSING_KEY = /a payload is sealed with [^"\\]*TEMPORAL_PAYLOAD_KEYS/;
/** The SDK adds its stack. */
const MESSAGE_LENGTH = 600;

export interface ReplaySource {
  readonly client: Client;
  readonly dataConverter: DataConverter;
  readonly build: Build;
  readonly taskQueue: string;
  /** At most so many running and so many closed ones of each type, the newest first. */
  readonly limit: number;
  /** Of the closed ones, those closed since. */
  readonly sinceMs: number;
}

/** One history that the code does not reproduce. */
export interface Mismatch {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly message: string;
  readonly advice: string;
}

/** How one group of histories came out. */
export interface Replayed {
  readonly what: string;
  readonly count: number;
  readonly failed: number;
}

/**
 * Replays the newest histories of a server, group by group: of each type those that run (the code must carry them on) and
 * those that were closed lately (they show the paths to the end). Types that this code no longer has do not fit either.
 * @throws Error when the server does not answer, or payloads are sealed with keys that were not given
 */
export async function* replayHistories(
  source: ReplaySource,
  onMismatch: (mismatch: Mismatch) => void,
): AsyncGenerator<Replayed> {
  const known = TYPES.map((type) => `"${type}"`).join(", ");
  const types = [
    ...TYPES.map((type) => ({ name: type, is: `WorkflowType = "${type}"` })),
    { name: "types that this code does not have", is: `WorkflowType NOT IN (${known})` },
  ];
  const since = new Date(source.sinceMs).toISOString();
  const states = [
    ["running", `ExecutionStatus = "Running"`],
    ["closed", `ExecutionStatus != "Running" AND CloseTime >= "${since}"`],
  ];
  for (const { name, is } of types) {
    for (const [state, having] of states) {
      const query = `TaskQueue = "${source.taskQueue}" AND ${is} AND ${having}`;
      let count = 0;
      let failed = 0;
      for await (const mismatch of replayed(source, query)) {
        count += 1;
        if (mismatch === undefined) continue;
        failed += 1;
        onMismatch(mismatch);
      }
      // There should be none of the last kind.
      if (count > 0 || name !== types.at(-1)?.name)
        yield { what: `${name}, ${state}`, count, failed };
    }
  }
}

interface Fetched {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly history: History;
}

/** Replays what the query finds, one at a time: for each the mismatch, or undefined. */
async function* replayed(
  { client, dataConverter, build, limit }: ReplaySource,
  query: string,
): AsyncGenerator<Mismatch | undefined> {
  let current: Fetched | undefined;
  async function* histories(): AsyncGenerator<Fetched> {
    for await (const one of newest(client, query, limit)) {
      current = one;
      yield one;
    }
  }
  const options = { workflowBundle: { code: build.code }, dataConverter };
  for await (const result of Worker.runReplayHistories(options, histories()))
    yield current === undefined ? undefined : mismatchOf(current, result);
}

async function* newest(client: Client, query: string, limit: number): AsyncGenerator<Fetched> {
  let left = limit;
  for await (const { workflowId, runId, type } of client.workflow.list({ query, pageSize: 200 })) {
    const history = await historyOf(client, workflowId, runId);
    // Gone meanwhile, or no worker has had it yet: there is nothing to reproduce.
    if (history?.events?.some((event) => event.workflowTaskCompletedEventAttributes) !== true)
      continue;
    yield { workflowId, runId, type, history };
    left -= 1;
    if (left === 0) return;
  }
}

async function historyOf(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<History | undefined> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function mismatchOf(
  { workflowId, runId, type }: Fetched,
  { error }: ReplayResult,
): Mismatch | undefined {
  if (error === undefined) return undefined;
  const [missingKey] = MISSING_KEY.exec(error.message) ?? [];
  if (missingKey !== undefined) throw new Error(missingKey);
  const message = error.message.trim().slice(0, MESSAGE_LENGTH);
  const advice =
    error instanceof DeterminismViolationError
      ? "The code takes another path than this history recorded: have what is new begin behind patched(…), as docs/versions.md shows."
      : "The code fails where it did not before: it must carry on every process that runs (docs/versions.md).";
  return { workflowId, runId, type, message, advice };
}
