import type { Client } from "@temporalio/client";

/** Runs that are looked at: the list of them may be a few behind. */
const RUNS = 20;

/**
 * The realtime event that the database must know, as Temporal remembers it: the highest of what the newest runs of reconcile have
 * seen. Each run carries on what those before it knew, so that it does not matter how long a database was away.
 */
export async function highWaterMark(client: Client): Promise<number> {
  const query = `WorkflowType = 'reconcile' AND ExecutionStatus = 'Completed'`;
  let highest = 0;
  let looked = 0;
  for await (const { memo } of client.workflow.list({ query, pageSize: RUNS })) {
    const seq = memo?.["eventSeq"];
    if (typeof seq === "number" && seq > highest) highest = seq;
    looked += 1;
    if (looked === RUNS) break;
  }
  return highest;
}
