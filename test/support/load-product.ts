// Loads what the product's processes load, and ends as they do on SIGTERM: Node then keeps the compiled code for the next ones.
// A worker that dies of SIGKILL, as the simulation's do, leaves nothing behind.
await Promise.all([
  import("../../src/config.ts"),
  import("../../src/db/migrate.ts"),
  import("../../src/health.ts"),
  import("../../src/metrics.ts"),
  import("../../src/preflight.ts"),
  import("../../src/start-api.ts"),
  import("../../src/temporal-runtime.ts"),
  import("../../src/workers/worker.ts"),
]);
process.exit(0);
