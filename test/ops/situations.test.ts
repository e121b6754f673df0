/**
 * Broken situations, one after the other on one system: the doctor names the cause, and what docs/operations.md says mends it.
 * Whatever is mended, the doctor finds nothing at the end. Wallets and the chain have files of their own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { enqueue } from "../../src/db/outbox.ts";
import {
  auctionWorkflowId,
  chainIndexerWorkflowId,
  RECONCILE_SCHEDULE_ID,
  TASK_QUEUES,
} from "../../src/domain/process.ts";
import { OpsStage, WHY } from "./stage.ts";

let stage: OpsStage;
beforeAll(async () => {
  stage = await OpsStage.start();
  stage.startWorker();
  await stage.healthy();
});
afterAll(() => stage.stop());

test("nothing is wrong with a system that has just been started, and the command says so", async () => {
  const answer = await stage.run("src/ops/main.ts", ["doctor"]);
  expect(answer).toMatchObject({ code: 0, stderr: "" });
  expect(answer.stdout).toContain("Nothing is wrong.");
  const json = await stage.ops("doctor", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ healthy: true, chain: [], wallets: [] });
});

test("a paused Schedule, and one that is gone", async () => {
  const handle = stage.sight.client.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  await handle.pause("looking into it");
  expect((await stage.finds("schedule-paused")).what).toContain("looking into it");
  await handle.unpause();
  await stage.healthy();

  await handle.delete();
  await stage.finds("schedule-missing");
  const cron = await stage.run("src/cron.ts");
  expect(cron).toMatchObject({ code: 0 });
  await stage.healthy();
});

test("a run of reconcile that hangs, and a step that somebody paused", async () => {
  const { client, connection, namespace } = stage.sight;
  // Nobody takes its tasks.
  const hanging = await client.workflow.start("reconcile", {
    workflowId: "reconcile-that-hangs",
    taskQueue: "nobody",
    args: [],
  });
  const found = await stage.finds("reconcile-hangs", () => ({ reconcileMs: 1_000 }));
  expect(found.todo).toContain(`terminate -w '${hanging.workflowId}'`);
  await hanging.terminate();
  // The last run that ended has failed, until another one has not.
  expect(await stage.run("src/cron.ts")).toMatchObject({ code: 0 });
  await stage.healthy();

  const execution = { workflowId: chainIndexerWorkflowId(stage.chain.ref("1").chainId) };
  const type = "runIndexer";
  await connection.workflowService.pauseActivity({ namespace, execution, type });
  expect((await stage.finds("step-paused")).what).toContain(
    `runIndexer of ${execution.workflowId}`,
  );
  await connection.workflowService.unpauseActivity({ namespace, execution, type });
  await stage.healthy();
});

test("a poisoned auction, whose process cannot run, is begun anew by ops restart", async () => {
  const auctionId = await stage.chain.create(600);
  await stage.reaches(auctionId, "bidding");
  const handle = stage.workflow(auctionId);
  await stage.until("its process", async () =>
    handle.describe().then(
      () => true as const,
      () => undefined,
    ),
  );
  // Somebody has started it by hand in the Web UI, and given no input. One request: reconcile cannot come between.
  await stage.sight.client.workflow.start("auction", {
    workflowId: handle.workflowId,
    workflowIdConflictPolicy: "TERMINATE_EXISTING",
    taskQueue: TASK_QUEUES.auction,
    args: [null],
  });
  expect((await stage.finds("workflow-task-fails")).what).toContain(handle.workflowId);
  const answer = await stage.ops("restart", auctionId, "--json", ...WHY);
  expect(answer).toMatchObject({ code: 0 });
  expect(JSON.parse(answer.stdout)).toMatchObject({ running: [handle.workflowId] });
  expect(await handle.query("state")).toMatchObject({ phase: "bidding" });
  await stage.healthy();
  const audit = JSON.parse((await stage.ops("audit", "--json")).stdout);
  expect(audit[0]).toMatchObject({ action: "restart", target: handle.workflowId, by: "tester" });
});

test("a message that cannot be delivered holds up its process until it is dropped", async () => {
  const auctionId = await stage.chain.create(600);
  await stage.reaches(auctionId, "bidding");
  const workflowId = auctionWorkflowId(stage.chain.ref(auctionId));
  await enqueue(stage.owner, [
    { kind: "signal", workflowId, payload: { signal: "x".repeat(2_000), args: [] } },
  ]);
  await stage.asOwner(
    "UPDATE outbox SET created_at = now() - interval '5 minutes' WHERE delivered_at IS NULL",
  );
  const found = await stage.until("the doctor to say why", async () => {
    const one = await stage.finds("outbox-stuck");
    return /message (\d+) to/.test(one.what) ? one : [one.what];
  });
  const [, id = ""] = /message (\d+) to/.exec(found.what) ?? [];
  expect((await stage.ops("drop-message", id, ...WHY)).code).toBe(0);
  await stage.healthy();
});

test("no worker: the doctor says which one, and nothing is wrong when it is back", async () => {
  await stage.stopWorker();
  // The server tells in whole seconds when a worker has asked: this one is over before another worker asks.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const stoppedAtMs = Date.now();
  // Only a worker that has asked for tasks since then counts: the server remembers the one that is gone.
  const sinceThen = () => ({ pollerS: (Date.now() - stoppedAtMs) / 1_000 + 1 });
  expect((await stage.finds("worker-missing", sinceThen)).todo).toContain("--role=");
  stage.startWorker();
  await stage.healthy(sinceThen);
});

test("commands that make no sense are refused with a reason and the right exit code", async () => {
  expect(await stage.ops("end-now", "1")).toMatchObject({ code: 2 });
  expect(await stage.ops("retry", "abc", ...WHY)).toMatchObject({ code: 2 });
  expect(await stage.ops("pause-wallet", "0x12", ...WHY)).toMatchObject({ code: 2 });
  const open = await stage.chain.create(600);
  await stage.reaches(open, "bidding");
  const early = await stage.ops("end-now", open, ...WHY);
  expect(early.code).toBe(1);
  expect(early.stderr).toContain("this auction is open until");
  const idle = await stage.ops("retry", open, "--json", ...WHY);
  expect(JSON.parse(idle.stderr).error).toContain("no step of this process has failed");
  const look = await stage.ops("recheck", open, "--json", ...WHY);
  expect(JSON.parse(look.stdout)).toMatchObject({ differences: [], onChain: { state: "active" } });
});

test("every finding has its section in the runbook", () => {
  const runbook = readFileSync(join(repositoryRoot, "docs/operations.md"), "utf8");
  for (const code of CODES) expect(runbook).toContain(`### ${code}\n`);
});

/** Every code that src/ops gives. */
const CODES = [
  "doctor.ts",
  "checks/chain.ts",
  "checks/database.ts",
  "checks/processes.ts",
  "checks/temporal.ts",
  "checks/wallets.ts",
]
  .map((file) => readFileSync(join(repositoryRoot, "src/ops", file), "utf8"))
  .flatMap((text) => [
    ...text.matchAll(/(?:problem|note)\(\s*"([a-z-]+)"/g),
    ...text.matchAll(/\["([a-z]+-down)"|^\s+"([a-z]+-down)",/gm),
  ])
  .map((match) => match[1] ?? match[2] ?? "");
