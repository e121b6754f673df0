/**
 * Broken situations, one after the other on one system: the doctor names the cause, and what docs/operations.md says mends it.
 * Whatever is mended, the doctor finds nothing at the end.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { id as keccakOfText } from "ethers";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { RECONCILE_SCHEDULE_ID, TASK_QUEUES } from "../../src/domain/process.ts";
import { enqueue } from "../../src/db/outbox.ts";
import { auctionWorkflowId } from "../../src/domain/process.ts";
import { OpsStage } from "./stage.ts";

const WHY = ["--reason", "a test breaks and mends it", "--by", "tester"];
const OPERATOR_ROLE = keccakOfText("OPERATOR_ROLE");

let stage: OpsStage;
beforeAll(async () => {
  stage = await OpsStage.start();
  stage.startWorker();
  await stage.healthy();
}, 300_000);
afterAll(() => stage.stop());

test("nothing is wrong with a system that has just been started, and the command says so", async () => {
  const answer = await stage.ops("doctor");
  expect(answer).toMatchObject({ code: 0, stderr: "" });
  expect(answer.stdout).toContain("Nothing is wrong.");
  const json = await stage.ops("doctor", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ healthy: true, chain: [], wallets: [] });
});

test("a wallet without funds: the doctor names it, money mends it, and the auction is ended", async () => {
  await stage.rpc("anvil_setBalance", stage.platform, "0x0");
  const auctionId = await stage.create(8, { bid: true });
  expect((await stage.finds("wallet-without-funds")).what).toContain(stage.platform.toLowerCase());
  const told = await stage.ops("doctor");
  expect(told.code).toBe(1);
  expect(told.stdout).toContain("docs/operations.md#wallet-without-funds");
  await stage.rpc("anvil_setBalance", stage.platform, "0x56bc75e2d63100000");
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
});

test("RPC away while an auction ends: the doctor says so, and the auction is ended when it is back", async () => {
  const auctionId = await stage.create(10, { bid: true });
  await stage.reaches(auctionId, "bidding");
  stage.part("anvil").kill("SIGSTOP");
  try {
    expect((await stage.finds("rpc-down")).what).toContain("no RPC endpoint answers");
  } finally {
    stage.part("anvil").kill("SIGCONT");
  }
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
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

test("a poisoned auction, whose process cannot run, is begun anew by ops restart", async () => {
  const auctionId = await stage.create(600);
  await stage.reaches(auctionId, "bidding");
  const handle = stage.workflow(auctionId);
  await stage.until("its process", async () =>
    handle.describe().then(
      () => true as const,
      () => undefined,
    ),
  );
  await handle.terminate("poisoned by a test");
  // Somebody has started it by hand in the Web UI, and given no input.
  await stage.sight.client.workflow.start("auction", {
    workflowId: handle.workflowId,
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
  const auctionId = await stage.create(600);
  await stage.reaches(auctionId, "bidding");
  const workflowId = auctionWorkflowId(stage.ref(auctionId));
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

test("a wallet whose role was taken away: needs-operator, and ops retry once the role is back", async () => {
  const auctionId = await stage.create(8, { bid: true });
  await stage.call(0, "revokeRole", OPERATOR_ROLE, stage.platform);
  expect((await stage.finds("operator-role-missing")).what).toContain(stage.platform.toLowerCase());
  const failed = await stage.finds("needs-operator");
  expect(failed.what).toContain(`mint:`);
  expect((await stage.workflow(auctionId).describe()).status.name).toBe("RUNNING");
  await stage.call(0, "grantRole", OPERATOR_ROLE, stage.platform);
  expect((await stage.ops("retry", auctionId, ...WHY)).code).toBe(0);
  expect(await stage.workflow(auctionId).result()).toMatchObject({ phase: "meeting" });
  await stage.healthy();
  const shown = JSON.parse((await stage.ops("show", auctionId, "--json")).stdout);
  expect(shown).toMatchObject({
    auctionId,
    projection: { phase: "sold" },
    operations: [{ kind: "end" }, { kind: "mint", notBefore: null }],
    meetings: [{ state: expect.any(String) }],
    audit: [{ action: "retry" }],
  });
});

test("a paused wallet signs nothing, and goes on when it is resumed", async () => {
  const wallet = stage.platform.toLowerCase();
  expect((await stage.ops("pause-wallet", wallet, ...WHY)).code).toBe(0);
  const auctionId = await stage.create(6, { bid: true });
  await stage.finds("wallet-none");
  const report = await stage.ops("doctor");
  expect(report.stdout).toContain(`tester has paused the wallet ${wallet}: a test breaks`);
  // What an operator has done on purpose needs no operator.
  await stage.until("its workflow to show the pause", async () => {
    const query = "FailureCode = 'wallet:paused' AND ExecutionStatus = 'Running'";
    return (await stage.sight.client.workflow.count(query)).count > 0 ? true : undefined;
  });
  expect((await stage.problems()).map((one) => one.code)).not.toContain("needs-operator");
  const blocks = (await stage.provider.getBlockNumber()) + 12;
  await stage.until("blocks after its end", async () =>
    (await stage.provider.getBlockNumber()) > blocks ? true : undefined,
  );
  expect(await stage.phase(auctionId)).toBe("bidding");
  expect((await stage.ops("resume-wallet", wallet, ...WHY)).code).toBe(0);
  expect((await stage.ops("resume-wallet", wallet, ...WHY)).code).toBe(1);
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
}, 300_000);

test("a wallet that was taken out of the configuration with an operation bound to it is needed once more", async () => {
  const other = anvilAccounts(6)[5];
  const keys = [stage.env["PLATFORM_PRIVATE_KEY"], other?.privateKey].join(",");
  await stage.stopWorker();
  await stage.call(0, "grantRole", OPERATOR_ROLE, other?.address);
  stage.startWorker({ PLATFORM_PRIVATE_KEY: other?.privateKey ?? "" });
  const auctionId = await stage.create(25, { bid: true });
  await stage.reaches(auctionId, "bidding");
  const bound = async () =>
    stage.sight.db.query<{ wallet: string }>(
      "SELECT wallet FROM chain_operations WHERE auction_id = $1 AND kind = 'end' AND nonce IS NOT NULL",
      [auctionId],
    );
  await stage.until("the last block before the end", async () => {
    const head = await stage.provider.getBlock("latest");
    return (head?.timestamp ?? 0) >= (await stage.endOf(auctionId)) - 2 ? true : undefined;
  });
  await stage.rpc("evm_setIntervalMining", 0);
  const signed = await stage.until("its transaction", async () => (await bound())[0]);
  expect(signed).toEqual({ wallet: other?.address.toLowerCase() });
  await stage.stopWorker();
  await stage.rpc("anvil_dropAllTransactions");
  await stage.rpc("evm_setIntervalMining", 1);
  stage.startWorker();
  await stage.asOwner(
    "UPDATE chain_wallets SET seen_at = now() - interval '1 hour' WHERE address = $1",
    [signed.wallet],
  );
  expect((await stage.finds("wallet-not-served")).what).toContain(signed.wallet);
  await stage.stopWorker();
  stage.startWorker({ PLATFORM_PRIVATE_KEY: keys });
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
}, 300_000);

test("an indexer halted by a reorg deeper than its window goes on after npm run reindex", async () => {
  const before = await stage.create(600);
  await stage.reaches(before, "bidding");
  const created = await stage.provider.getBlockNumber();
  await stage.until("blocks above the window", async () =>
    (await stage.provider.getBlockNumber()) > created + 12 ? true : undefined,
  );
  await stage.rpc("anvil_reorg", 10, []);
  stage.forgetNonces();
  expect((await stage.finds("indexer-halted")).what).toContain("a reorg deeper than 6 blocks");
  const reindexed = await stage.run("src/reindex.ts");
  expect(reindexed).toMatchObject({ code: 0 });
  await stage.reaches(before, "bidding");
  await stage.healthy();
}, 300_000);

test("no worker: the doctor says which one, and nothing is wrong when it is back", async () => {
  await stage.stopWorker();
  expect((await stage.finds("worker-missing")).todo).toContain("--role=");
  stage.startWorker();
  await stage.healthy();
}, 300_000);

test("commands that make no sense are refused with a reason and the right exit code", async () => {
  expect(await stage.ops("end-now", "1")).toMatchObject({ code: 2 });
  expect(await stage.ops("retry", "abc", ...WHY)).toMatchObject({ code: 2 });
  expect(await stage.ops("pause-wallet", "0x12", ...WHY)).toMatchObject({ code: 2 });
  const open = await stage.create(600);
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
