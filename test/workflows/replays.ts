import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import type { DataConverter } from "@temporalio/common";
import type { temporal } from "@temporalio/proto";
import { Worker, type WorkflowBundle } from "@temporalio/worker";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { historyToJson } from "../histories/json.ts";

type History = temporal.api.history.v1.IHistory;

/** The identity of each worker of a world, and the bundle that it runs: code that was changed on purpose replays with itself. */
export type BundleOfWorker = ReadonlyMap<string, WorkflowBundle>;

/**
 * Replays every workflow execution of the namespace, as a worker does after a restart or without a cache, and fails over those that
 * do not replay. Each is replayed with the bundle of the worker that worked on it last: that one has read all that came before.
 * Left out is what needs no replay or has no code here: executions whose first task was never completed, and those that a worker
 * outside this world worked on last (the product's own, another world's).
 */
export async function replayAll(
  client: Client,
  bundles: BundleOfWorker,
  dataConverter: DataConverter,
): Promise<number> {
  const found = new Map<WorkflowBundle, { workflowId: string; history: History }[]>();
  for await (const one of client.workflow.list().intoHistories({ concurrency: 8 })) {
    const history = one.history as History; // the SDK types what it has decoded as unknown
    const bundle = bundles.get(lastWorkerOf(history) ?? "");
    if (bundle === undefined) continue;
    const { workflowId } = one;
    found.set(bundle, [...(found.get(bundle) ?? []), { workflowId, history }]);
  }
  const failures: string[] = [];
  let replayed = 0;
  for (const [workflowBundle, histories] of found)
    for await (const { workflowId, error } of Worker.runReplayHistories(
      { workflowBundle, dataConverter },
      histories,
    )) {
      replayed += 1;
      if (error === undefined) continue;
      const folder = join(repositoryRoot, ".dev/failed-replays");
      mkdirSync(folder, { recursive: true });
      const file = join(mkdtempSync(join(folder, "run-")), "histories.json");
      // Of every run that has this id.
      const runs = histories.filter((one) => one.workflowId === workflowId);
      writeFileSync(file, JSON.stringify(runs.map((one) => historyToJson(one.history))));
      failures.push(`${workflowId} (histories: ${file}): ${error.message}`);
    }
  if (failures.length > 0)
    throw new Error(`these workflows do not replay:\n${failures.join("\n")}`);
  return replayed;
}

function lastWorkerOf({ events }: History): string | undefined {
  return (
    events?.findLast((event) => event.workflowTaskCompletedEventAttributes)
      ?.workflowTaskCompletedEventAttributes?.identity ?? undefined
  );
}
