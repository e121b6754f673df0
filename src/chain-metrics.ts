import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { HeadStreamOptions } from "./chain/heads.ts";
import type { IndexerOptions } from "./chain/indexing/indexer.ts";
import type { SenderObserver } from "./chain/observer.ts";
import { OPERATION_KINDS } from "./domain/process.ts";

/** What is measured of the sender. Names follow what operators of other transaction engines know. */
export function createSenderMetrics(registry: Registry): SenderObserver {
  const registers = [registry];
  const counter = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> => new Counter({ name, help, labelNames: [...labelNames], registers });
  const walletGauge = (name: string, help: string): Gauge<"wallet"> =>
    new Gauge({ name, help, labelNames: ["wallet"], registers });

  const operations = {
    created: counter("ops_created_total", "Operations asked for, each counted once", ["kind"]),
    signed: counter("ops_signed_total", "Operations put into a signed transaction", ["kind"]),
    broadcast: counter("ops_broadcast_total", "Operations in transactions handed to a node", [
      "kind",
    ]),
    mined: counter("ops_mined_total", "Operations in transactions seen in a block", ["kind"]),
    final: counter("ops_final_total", "Operations that nothing can take back", ["kind"]),
    failed: counter("ops_failed_total", "Operations refused by the contract or given up", ["kind"]),
  };
  // A counter that begins with its first event shows no increase then, and no alert comes.
  for (const of of Object.values(operations))
    for (const kind of OPERATION_KINDS) of.inc({ kind }, 0);
  const stages = new Histogram({
    name: "op_stage_seconds",
    help: "Seconds an operation spent in a stage: queued (due to signed), included (signed to block)",
    labelNames: ["stage", "kind"],
    buckets: [0.1, 0.5, 1, 2, 5, 12, 24, 60, 300, 1800],
    registers,
  });
  const lateBlocks = new Histogram({
    name: "deadline_to_inclusion_blocks",
    help: "Blocks between the first block that could hold an end and the one that does",
    buckets: [0, 1, 2, 3, 5, 10, 50],
    registers,
  });
  const lateSeconds = new Histogram({
    name: "deadline_to_inclusion_seconds",
    help: "Seconds from an auction's end time to the timestamp of the block that ended it",
    buckets: [0, 1, 2, 4, 6, 12, 24, 60, 300],
    registers,
  });
  const sendErrors = counter("send_errors_total", "Answers to a broadcast other than a plain yes", [
    "class",
  ]);
  const replacements = counter("replacements_total", "Transactions signed in place of another", [
    "reason",
  ]);
  const capHits = counter("fee_cap_hits_total", "Transactions held at the fee cap", ["kind"]);
  const gaps = {
    detected: counter("nonce_gaps_detected_total", "Nonces found empty"),
    closed: counter("nonce_gaps_closed_total", "Empty nonces filled with a cancel"),
  };
  const lost = counter("receipts_lost_total", "Transactions whose block left the chain");
  const foreign = counter("foreign_nonces_total", "Nonces used by a transaction that is not ours");
  const wallets = {
    balanceWei: walletGauge("wallet_balance_wei", "Balance of a wallet"),
    inFlight: walletGauge("in_flight", "Transactions of a wallet that wait for a block"),
    nonceNext: walletGauge("nonce_next", "The nonce of the wallet's next transaction"),
    chainLatest: walletGauge("nonce_chain_latest", "Transactions of the wallet in blocks"),
    chainPending: walletGauge("nonce_chain_pending", "The same with those that wait"),
    held: walletGauge("transactions_held", "Transactions that wait at the fee cap"),
    paused: walletGauge("wallet_paused", "1 while the wallet cannot pay for new transactions"),
  };

  return {
    operations: (stage, kind, count) => operations[stage].inc({ kind }, count),
    stage: (stage, kind, seconds) => stages.observe({ stage, kind }, Math.max(0, seconds)),
    deadline: ({ blocks, seconds }) => {
      lateBlocks.observe(blocks);
      lateSeconds.observe(seconds);
    },
    sendError: (meaning) => sendErrors.inc({ class: meaning }),
    replaced: (reason) => replacements.inc({ reason }),
    feeCapHit: (kind) => capHits.inc({ kind }),
    gaps: (change, count) => gaps[change].inc(count),
    receiptLost: () => lost.inc(),
    foreignNonce: () => foreign.inc(),
    wallet: ({ wallet, ...reading }) => {
      for (const [name, gauge] of Object.entries(wallets))
        gauge.set({ wallet }, Number(reading[name as keyof typeof wallets]));
    },
    walletGivenUp: (wallet) => {
      for (const gauge of Object.values(wallets)) gauge.remove({ wallet });
    },
  };
}

/** What the indexer reports, as its options name it. */
export interface IndexerMetrics extends Required<
  Pick<IndexerOptions, "onStep" | "onReorg" | "onLag" | "onRange" | "onUnread">
> {
  /** This process indexes no more: how far the index is is for another to say. */
  readonly onGivenUp: () => void;
}

/** What is measured of the indexer. */
export function createIndexerMetrics(registry: Registry): IndexerMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const lagBlocks = gauge("index_head_lag_blocks", "Blocks between the chain's head and the index");
  // Until it indexes a process has no lag: the nought of one that never does would hide another's.
  lagBlocks.remove();
  const range = gauge("getlogs_range_size", "How many blocks the next request for logs may span");
  const lagSeconds = new Histogram({
    name: "index_log_lag_seconds",
    help: "Seconds from a block's timestamp to the commit of what it said",
    buckets: [0.25, 0.5, 1, 2, 5, 12, 30, 120, 600],
    registers,
  });
  const reorgs = new Counter({ name: "reorgs_total", help: "Reorganisations followed", registers });
  const unread = new Counter({
    name: "unread_logs_total",
    help: "Logs of the contracts that made no sense and were left out",
    registers,
  });
  const depths = new Histogram({
    name: "reorg_depth",
    help: "Blocks dropped by a reorganisation",
    buckets: [1, 2, 3, 5, 8, 13, 32, 64],
    registers,
  });
  return {
    onStep: ({ indexed, head }) => lagBlocks.set(Math.max(0, head - indexed)),
    onGivenUp: () => lagBlocks.remove(),
    onReorg: (depth) => {
      reorgs.inc();
      depths.observe(depth);
    },
    onLag: (seconds) => lagSeconds.observe(Math.max(0, seconds)),
    onRange: (blocks) => range.set(blocks),
    onUnread: (count) => unread.inc(count),
  };
}

/** What is measured of the socket that tells of new blocks. */
export function createHeadMetrics(
  registry: Registry,
): Required<Pick<HeadStreamOptions, "onReconnect" | "onStall">> {
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const reconnects = counter("ws_reconnects_total", "Times the socket for new blocks was reopened");
  const stalls = counter("ws_stalls_total", "Times it was open and silent while HTTP had blocks");
  return { onReconnect: () => reconnects.inc(), onStall: () => stalls.inc() };
}
