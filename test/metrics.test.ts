import { expect, test } from "@jest/globals";
import { createMetrics } from "../src/metrics.ts";

test("the worker exports what operators of a transaction engine look for", async () => {
  const metrics = createMetrics();
  const { sender, indexer } = metrics;
  for (const stage of ["created", "signed", "broadcast", "mined", "final", "failed"] as const)
    sender.operations(stage, "end", 2);
  sender.stage("queued", "end", 1);
  sender.deadline({ blocks: 1, seconds: 12 });
  sender.sendError("nonce_too_low");
  sender.replaced("market");
  sender.feeCapHit("end");
  sender.gaps("detected", 1);
  sender.gaps("closed", 1);
  sender.receiptLost();
  sender.foreignNonce();
  sender.wallet({
    wallet: "0xabc",
    balanceWei: 5n,
    inFlight: 3,
    nonceNext: 9,
    chainLatest: 6,
    chainPending: 8,
    held: 1,
    paused: true,
  });
  indexer.onReorg(3);
  indexer.onLag(0.4);
  indexer.onRange(500);
  metrics.heads.onReconnect();
  metrics.heads.onStall();
  metrics.rpcRequest("eth_call", "node:1", "unanswered", 5);

  const text = await metrics.registry.metrics();
  const valueOf = (series: string): string | undefined =>
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1);
  expect({
    created: valueOf('ops_created_total{kind="end"}'),
    final: valueOf('ops_final_total{kind="end"}'),
    failed: valueOf('ops_failed_total{kind="end"}'),
    lateNow: valueOf('deadline_to_inclusion_blocks_bucket{le="0"}'),
    lateByOne: valueOf('deadline_to_inclusion_blocks_bucket{le="1"}'),
    lateSeconds: valueOf("deadline_to_inclusion_seconds_sum"),
    queued: valueOf('op_stage_seconds_count{stage="queued",kind="end"}'),
    inFlight: valueOf('in_flight{wallet="0xabc"}'),
    next: valueOf('nonce_next{wallet="0xabc"}'),
    latest: valueOf('nonce_chain_latest{wallet="0xabc"}'),
    pending: valueOf('nonce_chain_pending{wallet="0xabc"}'),
    balance: valueOf('wallet_balance_wei{wallet="0xabc"}'),
    paused: valueOf('wallet_paused{wallet="0xabc"}'),
    held: valueOf('transactions_held{wallet="0xabc"}'),
    errors: valueOf('send_errors_total{class="nonce_too_low"}'),
    replacements: valueOf('replacements_total{reason="market"}'),
    caps: valueOf('fee_cap_hits_total{kind="end"}'),
    detected: valueOf("nonce_gaps_detected_total"),
    closed: valueOf("nonce_gaps_closed_total"),
    lost: valueOf("receipts_lost_total"),
    foreign: valueOf("foreign_nonces_total"),
    reorgs: valueOf("reorgs_total"),
    range: valueOf("getlogs_range_size"),
    reconnects: valueOf("ws_reconnects_total"),
    stalls: valueOf("ws_stalls_total"),
    requests: valueOf(
      'rpc_requests_total{method="eth_call",endpoint="node:1",outcome="unanswered"}',
    ),
  }).toEqual({
    created: "2",
    final: "2",
    failed: "2",
    lateNow: "0",
    lateByOne: "1",
    lateSeconds: "12",
    queued: "1",
    inFlight: "3",
    next: "9",
    latest: "6",
    pending: "8",
    balance: "5",
    paused: "1",
    held: "1",
    errors: "1",
    replacements: "1",
    caps: "1",
    detected: "1",
    closed: "1",
    lost: "1",
    foreign: "1",
    reorgs: "1",
    range: "500",
    reconnects: "1",
    stalls: "1",
    requests: "1",
  });
  indexer.onStep({ indexed: 7, head: 9 });
  const after = await metrics.registry.metrics();
  expect(after).toContain("index_head_lag_blocks 2");
});

test("a process says nothing of jobs that it does not have, or has given away", async () => {
  const { registry, indexer, sender } = createMetrics();
  const figures = async (): Promise<string[]> =>
    (await registry.metrics())
      .split("\n")
      .filter((line) =>
        /^(index_head_lag_blocks|wallet_|nonce_|in_flight|transactions_h)/.test(line),
      );
  // Other processes' "0 blocks behind" would hide the indexer's own.
  expect(await figures()).toEqual(["nonce_gaps_detected_total 0", "nonce_gaps_closed_total 0"]);
  indexer.onStep({ indexed: 7, head: 9 });
  const reading = { balanceWei: 5n, inFlight: 3, nonceNext: 9, chainLatest: 6, chainPending: 8 };
  for (const wallet of ["0xabc", "0xdef"])
    sender.wallet({ ...reading, wallet, held: 0, paused: true });
  expect(await figures()).toHaveLength(2 + 1 + 2 * 7);
  indexer.onGivenUp();
  sender.walletGivenUp("0xabc");
  const left = await figures();
  expect(left).toHaveLength(2 + 7);
  expect(left.join()).not.toContain("0xabc");
});

test("the first refusal is an increase: what is counted begins at zero", async () => {
  const text = await createMetrics().registry.metrics();
  for (const kind of ["end", "mint", "settle"])
    expect(text).toContain(`ops_failed_total{kind="${kind}"} 0`);
});
