/** Wallets that cannot work: the doctor names each, and what docs/operations.md says mends it. */
import { id as keccakOfText } from "ethers";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { OpsStage, WHY } from "./stage.ts";

const OPERATOR_ROLE = keccakOfText("OPERATOR_ROLE");

let stage: OpsStage;
beforeAll(async () => {
  stage = await OpsStage.start({ timing: { jobLooksAgainMs: 1_000 } });
  stage.startWorker();
  await stage.healthy();
});
afterAll(() => stage.stop());

test("a wallet without funds: the doctor names it, money mends it, and the auction is ended", async () => {
  await stage.chain.rpc("anvil_setBalance", stage.platform, "0x0");
  const auctionId = await stage.chain.create(6, { bid: true });
  expect((await stage.finds("wallet-without-funds")).what).toContain(stage.platform.toLowerCase());
  const told = await stage.ops("doctor");
  expect(told.code).toBe(1);
  expect(told.stdout).toContain("docs/operations.md#wallet-without-funds");
  await stage.chain.rpc("anvil_setBalance", stage.platform, "0x56bc75e2d63100000");
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
});

test("a wallet whose role was taken away: needs-operator, and ops retry once the role is back", async () => {
  const auctionId = await stage.chain.create(8, { bid: true });
  await stage.chain.call(0, "revokeRole", OPERATOR_ROLE, stage.platform);
  expect((await stage.finds("operator-role-missing")).what).toContain(stage.platform.toLowerCase());
  const failed = await stage.finds("needs-operator");
  expect(failed.what).toContain(`mint:`);
  expect((await stage.workflow(auctionId).describe()).status.name).toBe("RUNNING");
  await stage.chain.call(0, "grantRole", OPERATOR_ROLE, stage.platform);
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
  const auctionId = await stage.chain.create(6, { bid: true });
  await stage.finds("wallet-none");
  const report = await stage.ops("doctor");
  expect(report.stdout).toContain(`tester has paused the wallet ${wallet}: a test breaks`);
  // What an operator has done on purpose needs no operator.
  await stage.until("its workflow to show the pause", async () => {
    const query = "FailureCode = 'wallet:paused' AND ExecutionStatus = 'Running'";
    return (await stage.sight.client.workflow.count(query)).count > 0 ? true : undefined;
  });
  expect((await stage.problems()).map((one) => one.code)).not.toContain("needs-operator");
  await stage.chain.mine(12);
  await stage.untilIndexed();
  expect(await stage.phase(auctionId)).toBe("bidding");
  expect((await stage.ops("resume-wallet", wallet, ...WHY)).code).toBe(0);
  expect((await stage.ops("resume-wallet", wallet, ...WHY)).code).toBe(1);
  await stage.reaches(auctionId, "sold");
  await stage.healthy();
});

test("a wallet that was taken out of the configuration with an operation bound to it is needed once more", async () => {
  const other = anvilAccounts(6)[5];
  const keys = [stage.env["PLATFORM_PRIVATE_KEY"], other?.privateKey].join(",");
  await stage.stopWorker();
  await stage.chain.call(0, "grantRole", OPERATOR_ROLE, other?.address);
  stage.startWorker({ PLATFORM_PRIVATE_KEY: other?.privateKey ?? "" });
  const auctionId = await stage.chain.create(6, { bid: true, held: true });
  await stage.reaches(auctionId, "bidding");
  const bound = async () =>
    stage.sight.db.query<{ wallet: string }>(
      "SELECT wallet FROM chain_operations WHERE auction_id = $1 AND kind = 'end' AND nonce IS NOT NULL",
      [auctionId],
    );
  // In the newest block the auction is open for the last time: its end is sent, and no block carries it.
  await stage.chain.mine((await stage.chain.endOf(auctionId)) - (await stage.chain.newestS()) - 1);
  const signed = await stage.until("its transaction", async () => (await bound())[0]);
  expect(signed).toEqual({ wallet: other?.address.toLowerCase() });
  await stage.stopWorker();
  await stage.chain.rpc("anvil_dropAllTransactions");
  await stage.chain.go();
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
});
