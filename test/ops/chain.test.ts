/** A chain that is away or takes back too much: the doctor names it, and what docs/operations.md says mends it. */
import { OpsStage } from "./stage.ts";

let stage: OpsStage;
beforeAll(async () => {
  stage = await OpsStage.start({ timing: { jobLooksAgainMs: 1_000, haltAfterMs: 1_000 } });
  stage.startWorker();
  await stage.healthy();
});
afterAll(() => stage.stop());

test("RPC away while an auction ends: the doctor says so, and the auction is ended when it is back", async () => {
  const auctionId = await stage.chain.create(6, { bid: true, held: true });
  await stage.reaches(auctionId, "bidding");
  const endS = await stage.chain.endOf(auctionId);
  process.kill(stage.anvil.pid, "SIGSTOP");
  try {
    expect((await stage.finds("rpc-down")).what).toContain("no RPC endpoint answers");
    await stage.until("the end of the auction", async () => Date.now() / 1_000 > endS || undefined);
  } finally {
    process.kill(stage.anvil.pid, "SIGCONT");
  }
  await stage.chain.go();
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
});

test("an indexer halted by a reorg deeper than its window goes on after npm run reindex", async () => {
  const before = await stage.chain.create(600);
  await stage.reaches(before, "bidding");
  await stage.chain.mine(12);
  await stage.untilIndexed();
  await stage.chain.rpc("anvil_reorg", 10, []);
  stage.chain.forgetNonces();
  expect((await stage.finds("indexer-halted")).what).toContain("a reorg deeper than 6 blocks");
  const reindexed = await stage.run("src/reindex.ts");
  expect(reindexed).toMatchObject({ code: 0 });
  await stage.reaches(before, "bidding");
  await stage.healthy();
});
