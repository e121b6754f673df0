// The planned faults as rules of the proxy, each for its window of blocks.
import { Transaction } from "ethers";
import {
  acceptThenError,
  answerError,
  answerWrapped,
  answerWith,
  delay,
  dropResponse,
  hang,
  neverForward,
  staleNonce,
  staleReceipts,
  stripLogs,
  stripReceiptLogs,
} from "../faults/faults.ts";
import {
  falseHead,
  foreignLog,
  highPending,
  minimumTip,
  nullLogs,
  otherChain,
  otherHash,
} from "../faults/strange.ts";
import { LAGGING_METHODS, laggingBy } from "../faults/lagging.ts";
import type { FaultProxy, Rule } from "../faults/proxy.ts";
import type { RawRecord } from "../faults/raw-record.ts";
import type { RpcCall } from "../faults/rpc-types.ts";
import type { Money } from "./money.ts";
import type { FaultKind, FaultWindow } from "./plan-faults.ts";
import type { Story } from "./story.ts";

const SEND = ["eth_sendRawTransaction"];
const READS = ["eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_getLogs", "eth_call"];

/** Whether another transaction of the same sender and nonce passed before this one. */
function isReplacement(call: RpcCall, record: RawRecord): boolean {
  const sent = Transaction.from(String(call.params[0]));
  return record.all.some(({ hash, raw }) => {
    if (hash === sent.hash) return false;
    const other = Transaction.from(raw);
    return other.nonce === sent.nonce && other.from === sent.from;
  });
}

/** Sent before: what a node that has it, or had it mined, would say. */
function isRepetition(call: RpcCall, record: RawRecord): boolean {
  const { hash } = Transaction.from(String(call.params[0]));
  return (record.get(hash ?? "")?.passes ?? 0) > 1;
}

type RuleOf = (size: number) => readonly Omit<Rule, "kind" | "endpoint" | "times">[];

/** What the kinds do to requests; those that concern the chain or the sockets are in `FaultSchedule`. */
const RULES: Partial<Record<FaultKind, RuleOf>> = {
  "a-lost-send": () => [{ methods: SEND, fault: neverForward }],
  "b-stale-nonce": (size) => [{ methods: ["eth_getTransactionCount"], fault: staleNonce(size) }],
  "c-already-known": () => [
    { methods: SEND, fault: dropResponse },
    { methods: SEND, when: isRepetition, fault: acceptThenError(-32_000, "already known") },
  ],
  "d-nonce-too-low": () => [
    { methods: SEND, fault: dropResponse },
    {
      methods: SEND,
      when: isRepetition,
      fault: async (call, node) => {
        await node(call);
        return answerWrapped("nonce too low")(call, node);
      },
    },
  ],
  "e-underpriced": () => [
    {
      methods: SEND,
      when: isReplacement,
      fault: answerError(-32_000, "replacement transaction underpriced"),
    },
  ],
  "f-hang": () => [{ methods: SEND, fault: hang }],
  "g-no-receipt": () => [
    {
      methods: ["eth_getTransactionReceipt", "eth_getTransactionByHash"],
      fault: answerWith(null),
    },
  ],
  "g-stale-receipt": () => [{ methods: ["eth_getTransactionReceipt"], fault: staleReceipts() }],
  // Another pool takes the replacement and never tells anybody: the first transaction is mined after all.
  "h-old-hash-mined": () => [
    {
      methods: SEND,
      when: isReplacement,
      fault: async (call) => ({ result: Transaction.from(String(call.params[0])).hash }),
    },
  ],
  "l-filter-not-found": () => [
    { methods: ["eth_getLogs"], fault: answerError(-32_000, "filter not found") },
  ],
  "m-one-log-less": () => [
    { methods: ["eth_getLogs"], fault: stripLogs("one") },
    { methods: ["eth_getBlockReceipts"], fault: stripReceiptLogs("one") },
  ],
  "m-no-logs": () => [
    { methods: ["eth_getLogs"], fault: stripLogs("all") },
    { methods: ["eth_getBlockReceipts"], fault: stripReceiptLogs("all") },
  ],
  "stale-head": (size) => [{ methods: LAGGING_METHODS, fault: laggingBy(size) }],
  slow: (size) => [{ methods: [...READS, ...SEND], fault: delay(40 * size) }],
  // A gateway with rules of its own: it refuses for sure, and the node never hears of it.
  rejected: () => [
    {
      methods: SEND,
      when: (call, record) => !isRepetition(call, record),
      fault: answerError(-32_000, "exceeds block gas limit"),
    },
  ],
  "server-error": () => [
    { methods: [...READS, ...SEND], fault: answerError(-32_603, "Internal error") },
  ],
  "o-other-chain": () => [{ methods: [...READS, ...SEND, "eth_chainId"], fault: otherChain }],
  "o-minimum-tip": (size) => [{ methods: SEND, fault: minimumTip(BigInt(size) * 1_500_000_000n) }],
  "o-false-head": () => [{ methods: ["eth_getBlockByNumber"], fault: falseHead(10_000) }],
  "o-strange-trouble": (size) => [
    { methods: READS, fault: STRANGE[size % STRANGE.length] ?? answerError(-39_999, "trouble") },
  ],
  "o-slow-sends": () => [{ methods: SEND, fault: delay(2_500) }],
  "o-no-block-receipts": () => [
    {
      methods: ["eth_getBlockReceipts"],
      fault: answerError(-32_020, "backend response too large"),
    },
  ],
  "o-foreign-log": () => [{ methods: ["eth_getTransactionReceipt"], fault: foreignLog }],
  "o-other-hash": () => [{ methods: SEND, fault: otherHash }],
  "o-null-logs": () => [{ methods: ["eth_getLogs"], fault: nullLogs }],
  "o-high-pending": () => [{ methods: ["eth_getTransactionCount"], fault: highPending(200) }],
};

/** Trouble of nodes in words that no list has. */
const STRANGE = [
  answerError(-32_007, "50/second request limit reached - reduce calls per second"),
  answerError(-32_011, "no backends available for method"),
  answerError(-32_000, "missing trie node 9f8c (path ) state is not available"),
  answerError(-39_999, "the hamster has left its wheel"),
];

/** In these windows the base fee is beyond what was offered, so that transactions are outbid. */
const DEAR: readonly FaultKind[] = ["e-underpriced", "h-old-hash-mined", "dear"];

/** Begins and ends the faults of a run as its blocks come. */
export class FaultSchedule {
  readonly #windows: readonly FaultWindow[];
  readonly #proxy: FaultProxy;
  readonly #story: Story;
  readonly #money: Money;
  readonly #active = new Map<FaultWindow, (() => void)[]>();
  #reorgsSeen = 0;
  #broke: number | undefined;

  constructor(
    windows: readonly FaultWindow[],
    parts: { readonly proxy: FaultProxy; readonly story: Story; readonly money: Money },
  ) {
    this.#windows = windows;
    this.#proxy = parts.proxy;
    this.#story = parts.story;
    this.#money = parts.money;
  }

  /** Called when `block` is the head. */
  async at(block: number, chainId: number): Promise<void> {
    for (const window of this.#windows) {
      const due = window.fromBlock <= block && block < window.toBlock;
      if (due && !this.#active.has(window)) this.#begin(window);
      if (!due && this.#active.has(window)) this.#end(window);
    }
    const active = [...this.#active.keys()];
    this.#story.dear = active.some(({ kind }) => DEAR.includes(kind));
    await this.#fund(active.find(({ kind }) => kind === "no-funds")?.size);
    for (const { kind, fromBlock, size } of active) {
      if (fromBlock !== block) continue;
      if (kind === "foreign-nonce" || kind === "dear") this.#proxy.count(kind);
      if (kind === "foreign-nonce") await this.#money.useNonce(size, chainId);
    }
  }

  async end(): Promise<void> {
    for (const window of this.#active.keys()) this.#end(window);
    this.#story.dear = false;
    await this.#fund(undefined);
  }

  /** Balances are part of the state that a reorg takes back. */
  async #fund(broke: number | undefined): Promise<void> {
    if (broke === this.#broke && this.#story.reorgs === this.#reorgsSeen) return;
    if (broke !== undefined && broke !== this.#broke) this.#proxy.count("no-funds");
    this.#broke = broke;
    this.#reorgsSeen = this.#story.reorgs;
    await this.#money.allFunded(broke);
  }

  #begin(window: FaultWindow): void {
    const { kind, size, endpoint, times } = window;
    // The newest rule is asked first, so the special ones of a kind come last.
    const undo = (RULES[kind]?.(size) ?? []).map((rule) =>
      this.#proxy.add({
        kind,
        ...rule,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(times === undefined ? {} : { times }),
      }),
    );
    for (const socket of this.#proxy.sockets) {
      if (kind === "k-silent-socket") socket.mode = "silent";
      if (kind === "k-socket-reset") socket.reset();
      if (kind.startsWith("k-") && socket.connections > 0) this.#proxy.count(kind);
    }
    this.#active.set(window, undo);
  }

  #end(window: FaultWindow): void {
    for (const undo of this.#active.get(window) ?? []) undo();
    this.#active.delete(window);
    if (window.kind === "k-silent-socket")
      for (const socket of this.#proxy.sockets) socket.mode = "normal";
  }
}
