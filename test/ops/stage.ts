// The product's worker as a process, on its own chain, database and namespace, with an operator who looks and mends.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { jest } from "@jest/globals";
import { deployContracts, type Deployment } from "../../contracts/deploy.ts";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { query } from "../../dev/stack/postgres.ts";
import { loadOpsConfig } from "../../src/config.ts";
import type { Queryable } from "../../src/db/database.ts";
import { auctionWorkflowId } from "../../src/domain/process.ts";
import { runCommandLine } from "../../src/ops/command-line.ts";
import { examine, problemsOf } from "../../src/ops/doctor.ts";
import type { Finding } from "../../src/ops/finding.ts";
import type { DoctorLimits } from "../../src/ops/limits.ts";
import { openSight, type Sight } from "../../src/ops/sight.ts";
import type { WorkerTiming } from "../../src/workers/timing.ts";
import { processEnvironment, type ProductProcess, startProduct } from "../process/support.ts";
import { type Anvil, startAnvil } from "../support/anvil.ts";
import { createLogins, type Logins } from "../support/roles.ts";
import { createTestDatabase, getTestWorkflowBundle, type TestDatabase } from "../support/stack.ts";
import { StageChain } from "./chain.ts";
import { sharedTemporal, type StageTemporal, startOwnTemporal } from "./temporal.ts";

/** Only a hang takes as long: the machine may be busy with six other programs. */
const HANG_MS = 5 * 60_000;
jest.setTimeout(15 * 60_000);

/** What every command of operators that changes something wants. */
export const WHY = ["--reason", "a test breaks and mends it", "--by", "tester"];

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The doctor's limits at the time of a look. */
type Limits = () => Partial<DoctorLimits>;

export interface StageOptions {
  /** A Temporal server of its own, which the test may wipe. */
  readonly ownTemporal?: boolean;
  readonly timing?: Partial<WorkerTiming>;
  /** How many seconds the chain begins behind this machine's clock: so many can be mined ahead without passing it. */
  readonly lagS?: number;
}

interface Parts {
  readonly anvil: Anvil;
  readonly database: TestDatabase;
  readonly deployment: Deployment;
  readonly logins: Logins;
  readonly env: Record<string, string>;
  readonly temporal: StageTemporal;
  readonly lagS: number;
}

export class OpsStage {
  readonly env: Record<string, string>;
  readonly chain: StageChain;
  readonly platform: string;
  readonly anvil: Anvil;
  readonly #parts: Parts;
  readonly #timing: Partial<WorkerTiming>;
  #worker: ProductProcess | undefined;
  #sight: Sight | undefined;

  private constructor(parts: Parts, timing: Partial<WorkerTiming>) {
    this.#parts = parts;
    this.#timing = timing;
    this.env = parts.env;
    this.anvil = parts.anvil;
    this.chain = new StageChain(parts.anvil, parts.deployment.auctionAddress, parts.lagS);
    this.platform = parts.anvil.accounts[1]?.address ?? "";
  }

  static async start({
    ownTemporal = false,
    timing = {},
    lagS = 0,
  }: StageOptions = {}): Promise<OpsStage> {
    const startChain = async () => {
      const anvil = await startAnvil({
        blockTimeS: 1,
        extraArgs: ["--timestamp", String(Math.floor(Date.now() / 1_000) - lagS)],
      });
      const [deployer, platform] = anvilAccounts(2);
      const deployment = await deployContracts({
        rpcUrl: anvil.rpcUrl,
        deployerKey: deployer?.privateKey ?? "",
        operatorAddresses: [platform?.address ?? ""],
      });
      return { anvil, deployment };
    };
    const [{ anvil, deployment }, database, temporal, { codePath }] = await Promise.all([
      startChain(),
      createTestDatabase(),
      ownTemporal ? startOwnTemporal() : sharedTemporal(),
      getTestWorkflowBundle(),
    ]);
    const env = {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ETH_HTTP_ENDPOINT: anvil.rpcUrl,
      ETH_WSS_ENDPOINT: anvil.wsUrl,
      CHAIN_CONFIRMATIONS: "1",
      CHAIN_FINALITY_DEPTH: "3",
      AUCTION_CONTRACT_ADDRESS: deployment.auctionAddress,
      PLATFORM_PRIVATE_KEY: anvil.accounts[1]?.privateKey ?? "",
      JITSI_APP_ID: "test",
      JITSI_SECRET: "a secret of the tests of operators",
      WORKFLOW_BUNDLE: codePath,
      METRICS_PORT: "0",
      LOG_DIR: "-",
    };
    const logins = await createLogins(database.url);
    return new OpsStage({ anvil, database, deployment, logins, env, temporal, lagS }, timing);
  }

  async stop(): Promise<void> {
    await this.stopWorker();
    await this.#sight?.close();
    this.chain.close();
    const { anvil, database, logins, temporal } = this.#parts;
    await Promise.all([anvil.stop(), temporal.stop?.(), database.drop()]);
    await logins.drop();
  }

  startWorker(env: Record<string, string> = {}): void {
    const { worker } = this.#parts.logins;
    const variables = { ...this.env, DATABASE_URL: worker, ...env };
    const args = ["--role=worker"];
    // The product's own start where nothing is shortened.
    this.#worker =
      Object.keys(this.#timing).length === 0
        ? startProduct(args, variables)
        : startProduct(
            args,
            { ...variables, TEST_TIMING: JSON.stringify(this.#timing) },
            "test/ops/worker-process.ts",
          );
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = undefined;
  }

  /** Does something while the worker stands still and cannot react to it. */
  async whileWorkerIsFrozen(work: () => Promise<void>): Promise<void> {
    const pid = this.#worker?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      await work();
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  /** What the worker has written, for the message of a failed test. */
  get output(): string {
    return this.#worker?.output().slice(-4_000) ?? "";
  }

  /** The environment of an operator's command. */
  get #opsEnv(): Record<string, string> {
    return { ...this.env, DATABASE_URL: this.#parts.logins.ops };
  }

  get sight(): Sight {
    return (this.#sight ??= openSight(loadOpsConfig(this.#opsEnv)));
  }

  /** Does to the database what no part of the product may. */
  async asOwner(sql: string, values: unknown[] = []): Promise<unknown[]> {
    return query(this.#parts.database.url, sql, values);
  }

  /** The same, for what takes a database. */
  get owner(): Queryable {
    return {
      query: async <T extends object>(sql: string, values: readonly unknown[] = []) =>
        (await this.asOwner(sql, [...values])) as T[],
    };
  }

  /** New connections: the database or the server is another one. */
  async reconnect(): Promise<void> {
    await this.#sight?.close();
    this.#sight = undefined;
  }

  async problems(limits: Limits = () => ({})): Promise<Finding[]> {
    return problemsOf(await examine(this.sight, limits()));
  }

  /** Waits until the doctor names the cause. */
  async finds(code: string, limits?: Limits): Promise<Finding> {
    return this.until(`the doctor to find ${code}`, async () => {
      const found = await this.problems(limits);
      return found.find((one) => one.code === code) ?? found.map((one) => one.code);
    });
  }

  /** Waits until nothing is wrong. */
  async healthy(limits?: Limits): Promise<void> {
    await this.until("the doctor to find nothing", async () => {
      const found = await this.problems(limits);
      return found.length === 0 ? true : found.map((one) => `${one.code}: ${one.what}`);
    });
  }

  /** Waits for an answer that is no list; a list says what is there instead. */
  async until<T extends object | true>(
    what: string,
    look: () => Promise<T | string[] | undefined>,
  ): Promise<T> {
    const giveUpAtMs = Date.now() + HANG_MS;
    for (;;) {
      const seen = await look();
      if (seen !== undefined && !Array.isArray(seen)) return seen;
      if (Date.now() > giveUpAtMs)
        throw new Error(`still waiting for ${what}; there is ${String(seen)}\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** `npm run ops -- …` in this process: a process of its own takes a second of processor time. */
  async ops(...args: readonly string[]): Promise<Answer> {
    const said = { stdout: "", stderr: "" };
    const code = await runCommandLine(args, {
      env: this.#opsEnv,
      write: (text) => (said.stdout += text),
      writeError: (text) => (said.stderr += text),
    });
    return { code, ...said };
  }

  /** A program of the product as a process: `src/ops/main.ts`, `src/cron.ts`. */
  run(file: string, args: readonly string[] = []): Promise<Answer> {
    return new Promise((resolve) => {
      const variables = file.startsWith("src/ops/") ? this.#opsEnv : this.env;
      const env = { ...processEnvironment(), ...variables };
      execFile(
        process.execPath,
        [join(repositoryRoot, file), ...args],
        { env, cwd: repositoryRoot },
        (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
      );
    });
  }

  /** What the database says of an auction. */
  async phase(auctionId: string): Promise<string | undefined> {
    const { chainId, contract } = this.chain.ref(auctionId);
    const [row] = await this.sight.db.query<{ phase: string }>(
      "SELECT phase FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3",
      [chainId, contract, auctionId],
    );
    return row?.phase;
  }

  /** Waits until the block that is the newest now is indexed. */
  async untilIndexed(): Promise<void> {
    const newest = await this.chain.provider.getBlockNumber();
    await this.until(`block ${newest} to be indexed`, async () => {
      const sql = "SELECT block_number AS block FROM chain_cursors";
      const [row] = await this.sight.db.query<{ block: number }>(sql);
      return (row?.block ?? 0) >= newest || [String(row?.block)];
    });
  }

  async reaches(auctionId: string, phase: string): Promise<void> {
    await this.until(`auction ${auctionId} to be ${phase}`, async () => {
      const seen = await this.phase(auctionId);
      return seen === phase || [String(seen)];
    });
  }

  workflow(auctionId: string) {
    return this.sight.client.workflow.getHandle(auctionWorkflowId(this.chain.ref(auctionId)));
  }

  /** Ends the Temporal server and starts another one in its place that knows nothing. */
  async wipeTemporal(): Promise<void> {
    await this.#parts.temporal.restart?.();
    await this.reconnect();
  }
}
