// `npm run cron`: makes or updates the reconcile Schedule, runs it once now and says what it repaired.
import { ConfigError, loadCronConfig } from "./config.ts";
import { RECONCILE_SCHEDULE_ID } from "./domain/process.ts";
import { messageOf } from "./errors.ts";
import { connectTemporal } from "./temporal.ts";
import { ensureReconcileSchedule, reconcileNow } from "./workers/schedule.ts";

async function main(): Promise<void> {
  const config = loadCronConfig();
  const temporal = connectTemporal(config);
  try {
    const { client } = temporal;
    await ensureReconcileSchedule(client, config.AUCTION_CHECK_INTERVAL);
    process.stdout.write(
      `the schedule "${RECONCILE_SCHEDULE_ID}" runs at ${config.AUCTION_CHECK_INTERVAL} (UTC)\n`,
    );
    process.stdout.write("running it once now; this needs a running worker\n");
    const repaired = await reconcileNow(client);
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
