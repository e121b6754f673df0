// The chain engine on a real chain and a real database, driven step by step.
import { Wallet } from "ethers";
import {
  ChainIndexer,
  type IndexerOptions,
  type StepResult,
} from "../../src/chain/indexing/indexer.ts";
import type { SenderObserver } from "../../src/chain/observer.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { WalletSender } from "../../src/chain/sending/sender.ts";
import type { TransactionSigner } from "../../src/chain/sending/signer.ts";
import type { FeeCaps } from "../../src/chain/sending/fees.ts";
import { requestOperation } from "../../src/chain/sending/operations.ts";
import type { Database, Transactor } from "../../src/db/database.ts";
import { auctionWorkflowId, operationKey, type OperationKind } from "../../src/domain/process.ts";
import { rememberSecrets, testLogger } from "../support/logs.ts";
import { openDatabase } from "../support/database.ts";
import type { MeetingAuctionConfig } from "../../contracts/deploy.ts";
import { AuctionChain } from "../contracts/harness.ts";
import { awaitOwnBlock, moveClock } from "../support/anvil.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

/** More than any test pays. */
const HIGH_CAPS: FeeCaps = {
  end: 10n ** 15n,
  mint: 10n ** 15n,
  settle: 10n ** 15n,
  cancel: 10n ** 15n,
};

/** Only a node that hangs takes so long, also on a busy machine. */
const ANSWER_TIMEOUT_MS = 60_000;

/** An RPC client whose traffic a test can watch and disturb. */
export class TappedRpc extends JsonRpc {
  /** Runs before a request to an endpoint; throwing means that it never arrives. */
  before: (method: string, parameters: readonly unknown[], index: number) => Promise<void> =
    async () => undefined;
  /** Runs after the node has answered; throwing means that the answer is lost. */
  after: (
    method: string,
    parameters: readonly unknown[],
    answer: unknown,
    index: number,
  ) => Promise<unknown> = async (_method, _parameters, answer) => answer;

  override async callEndpoint(
    index: number,
    method: string,
    parameters: readonly unknown[],
    timeoutMs?: number,
  ): Promise<unknown> {
    await this.before(method, parameters, index);
    const answer = await super.callEndpoint(index, method, parameters, timeoutMs);
    if (method === "eth_sendRawTransaction")
      await awaitOwnBlock((...asked) => super.callEndpoint(index, ...asked), String(answer));
    return this.after(method, parameters, answer, index);
  }

  calm(): void {
    this.before = async () => undefined;
    this.after = async (_method, _parameters, answer) => answer;
  }
}

export class Engine {
  readonly chain: AuctionChain;
  readonly db: Database;
  readonly rpc: TappedRpc;
  readonly signer: Wallet;
  readonly #test: TestDatabase;
  readonly #isChainShared: boolean;

  private constructor(chain: AuctionChain, test: TestDatabase, isChainShared: boolean) {
    this.chain = chain;
    this.#test = test;
    this.#isChainShared = isChainShared;
    this.db = openDatabase(test.url);
    this.rpc = new TappedRpc({ endpoints: [chain.anvil.rpcUrl], timeoutMs: ANSWER_TIMEOUT_MS });
    // The harness makes the second account operator.
    this.signer = new Wallet(chain.anvil.accounts[1]?.privateKey ?? "");
    rememberSecrets(this.signer.privateKey, this.signer.privateKey.slice(2));
  }

  /** On a chain of its own, or on one that the caller shares between engines and stops. */
  static async start(shared?: AuctionChain): Promise<Engine> {
    const test = await createTestDatabase();
    return new Engine(shared ?? (await Engine.startChain()), test, shared !== undefined);
  }

  static startChain(config: Partial<MeetingAuctionConfig> = {}): Promise<AuctionChain> {
    return AuctionChain.start({ minDurationS: 5, timeBufferS: 6, maxExtensionS: 18, ...config });
  }

  /** A client that sees the node as so many endpoints, each of which a test can disturb by its index. */
  endpoints(count: number): TappedRpc {
    return new TappedRpc({
      endpoints: Array(count).fill(this.chain.anvil.rpcUrl) as string[],
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
  }

  /** Auctions that are past their end, each with one bid, and not ended yet. */
  async due(count: number): Promise<bigint[]> {
    const { chain } = this;
    const ids: bigint[] = [];
    for (let index = 0; index < count; index += 1) ids.push(await chain.create());
    for (const id of ids) await chain.bid(id, chain.person(0), 2_000n);
    const states = await Promise.all(ids.map((id) => chain.state(id)));
    chain.nowS = Math.max(...states.map((one) => Number(one["endTime"])));
    await this.mine();
    return ids;
  }

  /** Blocks and rounds until `done`; a condition that never holds ends with the test's own limit. */
  async rounds(
    senders: WalletSender | readonly WalletSender[],
    done: () => Promise<boolean>,
  ): Promise<void> {
    while (!(await done())) {
      for (const sender of [senders].flat()) await sender.tick();
      await this.mine();
    }
  }

  async stop(): Promise<void> {
    await this.db.close();
    await this.#test.drop();
    if (!this.#isChainShared) await this.chain.stop();
  }

  get databaseUrl(): string {
    return this.#test.url;
  }

  get contract(): string {
    return this.chain.auction.toLowerCase();
  }

  get chainId(): number {
    return 31_337;
  }

  indexer(options: Partial<IndexerOptions> & { readonly db?: Transactor } = {}): ChainIndexer {
    return new ChainIndexer({
      rpc: this.rpc,
      db: this.db,
      chainId: this.chainId,
      auctionContract: this.contract,
      passContract: this.chain.pass.toLowerCase(),
      startBlock: 0,
      finalityDepth: 16,
      // What contradicts is believed at once.
      haltAfterMs: 0,
      logger: testLogger(),
      ...options,
    });
  }

  /** Steps until there is nothing to do. */
  async index(indexer = this.indexer()): Promise<StepResult> {
    for (let step = 0; step < 1_000; step += 1) {
      const result = await indexer.step();
      if (result !== "advanced") return result;
    }
    throw new Error("the indexer never becomes idle");
  }

  /** A sender whose clock stands at the time of the newest block. */
  async sender(
    options: {
      readonly db?: Transactor;
      readonly confirmations?: number;
      readonly finalityDepth?: number;
      readonly feeCaps?: FeeCaps;
      readonly maxBatchItems?: number;
      readonly signer?: TransactionSigner;
      readonly rpc?: JsonRpc;
      readonly observer?: SenderObserver;
    } = {},
  ): Promise<WalletSender> {
    const sender = new WalletSender({
      rpc: options.rpc ?? this.rpc,
      db: options.db ?? this.db,
      signer: options.signer ?? this.signer,
      chainId: this.chainId,
      auctionContract: this.contract,
      passContract: this.chain.pass.toLowerCase(),
      confirmations: options.confirmations ?? 1,
      // Deep enough that nothing becomes final by the way.
      finalityDepth: options.finalityDepth ?? 40,
      feeCaps: options.feeCaps ?? HIGH_CAPS,
      maxBatchItems: options.maxBatchItems ?? 50,
      logger: testLogger(),
      nowMs: () => 0,
      ...(options.observer === undefined ? {} : { observer: options.observer }),
    });
    await sender.start();
    return sender;
  }

  async ask(
    kind: OperationKind,
    auctionId: bigint | string,
    options: { readonly notBeforeS?: number; readonly outcome?: number } = {},
  ): Promise<string> {
    const ref = { chainId: this.chainId, contract: this.contract, auctionId: String(auctionId) };
    const key = operationKey(kind, ref);
    await this.db.transaction((tx) =>
      requestOperation(tx, {
        ...ref,
        key,
        kind,
        notBeforeS: options.notBeforeS ?? 0,
        workflowId: auctionWorkflowId(ref),
        ...(options.outcome === undefined ? {} : { outcome: options.outcome }),
      }),
    );
    return key;
  }

  async operation(key: string): Promise<Record<string, unknown>> {
    const [row] = await this.db.query<Record<string, unknown>>(
      "SELECT * FROM chain_operations WHERE key = $1",
      [key],
    );
    if (row === undefined) throw new Error(`there is no operation ${key}`);
    return row;
  }

  /** Whether the process of an operation was told what came of it. */
  async isSettled(key: string): Promise<boolean> {
    return (await this.operation(key))["settled"] === true;
  }

  async transactions(): Promise<Record<string, unknown>[]> {
    return this.db.query("SELECT * FROM chain_transactions ORDER BY nonce, created_at");
  }

  /** What workflows were told, in order. */
  async signals(): Promise<
    { workflowId: string; signal: string; args: Record<string, unknown>[] }[]
  > {
    return this.db.query(
      `SELECT workflow_id AS "workflowId", payload->>'signal' AS signal, payload->'args' AS args FROM outbox WHERE kind = 'signal' ORDER BY id`,
    );
  }

  /** Sends a transaction past the product, and waits for its block if it gets one at once. Returns its hash. */
  async send(
    method: "eth_sendTransaction" | "eth_sendRawTransaction",
    transaction: unknown,
  ): Promise<string> {
    const { provider } = this.chain;
    const hash = String(await provider.send(method, [transaction]));
    await awaitOwnBlock((name, parameters) => provider.send(name, [...parameters]), hash);
    return hash;
  }

  /** Whether each transaction gets a block at once, or blocks are mined by `mine`. */
  async automine(on: boolean): Promise<void> {
    await this.chain.provider.send("evm_setAutomine", [on]);
  }

  /** One block, `seconds` after the one before. */
  async mine(seconds = 1): Promise<void> {
    const { chain } = this;
    // What a sender had mined at once follows the wall clock, which on a slow machine may be ahead.
    chain.nowS = await moveClock(chain.provider, chain.nowS, seconds);
    await this.chain.provider.send("evm_mine", []);
  }

  /** Replaces the newest blocks by as many empty ones. */
  async reorg(depth: number): Promise<void> {
    await this.chain.provider.send("anvil_reorg", [depth, []]);
  }

  async blockNumber(): Promise<number> {
    return Number(await this.chain.provider.send("eth_blockNumber", []));
  }
}
