// `npm run cron`: makes or updates the reconcile Schedule, runs it once now and says what it repaired.
import { randomUUID } from "node:crypto";
import { Client } from "@temporalio/client";
import { ConfigError, loadCronConfig } from "./config.ts";
import { RECONCILE_SCHEDULE_ID, TASK_QUEUES } from "./domain/process.ts";
import { messageOf } from "./errors.ts";
import { connectTemporal } from "./temporal.ts";
import { ensureReconcileSchedule } from "./workers/schedule.ts";
import type { reconcile } from "./workflows/services.ts";

/** Without a worker the run would wait for ever. */
const RUN_TIMEOUT_MS = 120_000;

async function main(): Promise<void> {
  const config = loadCronConfig();
  const temporal = connectTemporal(config);
  try {
    const client = new Client({ connection: temporal.connection, namespace: temporal.namespace });
    await ensureReconcileSchedule(client, config.AUCTION_CHECK_INTERVAL);
    process.stdout.write(
      `the schedule "${RECONCILE_SCHEDULE_ID}" runs at ${config.AUCTION_CHECK_INTERVAL} (UTC)\n`,
    );
    process.stdout.write("running it once now; this needs a running worker\n");
    const repaired = await client.workflow.execute<typeof reconcile>("reconcile", {
      workflowId: `${RECONCILE_SCHEDULE_ID}-by-hand-${randomUUID()}`,
      taskQueue: TASK_QUEUES.auction,
      args: [],
      workflowExecutionTimeout: RUN_TIMEOUT_MS,
      staticSummary: "Compare chain, Postgres and workflows (npm run cron)",
    });
    for (const [what, count] of Object.entries(repaired))
      process.stdout.write(`  ${what}: ${count} repaired\n`);
  } finally {
    await temporal.connection.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `npm run cron failed: ${messageOf(error)}`}\n`,
  );
  process.exitCode = 1;
}
