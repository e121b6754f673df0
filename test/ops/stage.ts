// The product's worker on the parts of the local stack, with an operator who looks and mends.
import { ensureLogins } from "../../dev/stack/logins.ts";
import { query } from "../../dev/stack/postgres.ts";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Contract, JsonRpcProvider, NonceManager, Wallet } from "ethers";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import type { ManagedProcess } from "../../dev/stack/processes.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import { loadOpsConfig } from "../../src/config.ts";
import type { Queryable } from "../../src/db/database.ts";
import { type AuctionRef, auctionWorkflowId } from "../../src/domain/process.ts";
import { examine, problemsOf } from "../../src/ops/doctor.ts";
import type { Finding } from "../../src/ops/finding.ts";
import { openSight, type Sight } from "../../src/ops/sight.ts";
import { type ProductProcess, startParts, startProduct } from "../process/support.ts";

type Parts = Awaited<ReturnType<typeof startParts>>;

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class OpsStage {
  readonly parts: Parts;
  readonly env: Record<string, string>;
  readonly provider: JsonRpcProvider;
  readonly platform: string;
  #worker: ProductProcess | undefined;
  #sight: Sight | undefined;
  readonly #people: NonceManager[];

  /** As whom the worker and the operator log in to the database. */
  readonly #logins: { readonly worker: string; readonly ops: string };

  private constructor(
    parts: Parts,
    metricsPort: number,
    logins: { readonly worker: string; readonly ops: string },
  ) {
    this.parts = parts;
    this.#logins = logins;
    this.env = {
      ...parts.stack.env,
      METRICS_PORT: String(metricsPort),
      // Some situations are shorter than it takes a pooled node to notice.
      LOG_LEVEL: "info",
    };
    const chainId = parts.stack.contracts.chainId;
    this.provider = new JsonRpcProvider(parts.stack.urls.chain, chainId, {
      staticNetwork: true,
      cacheTimeout: -1,
    });
    this.#people = anvilAccounts(6).map(
      (one) => new NonceManager(new Wallet(one.privateKey, this.provider)),
    );
    this.platform = new Wallet(this.env["PLATFORM_PRIVATE_KEY"] ?? "").address;
  }

  static async start(): Promise<OpsStage> {
    const parts = await startParts();
    const { workerMetrics } = await freePorts();
    return new OpsStage(parts, workerMetrics, await ensureLogins(parts.stack.urls.postgres));
  }

  async stop(): Promise<void> {
    await this.stopWorker();
    await this.#sight?.close();
    this.provider.destroy();
    await this.parts.stop();
  }

  startWorker(env: Record<string, string> = {}): void {
    this.#worker = startProduct(["--role=worker"], {
      ...this.env,
      DATABASE_URL: this.#logins.worker,
      ...env,
    });
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = undefined;
  }

  /** What the worker has written, for the message of a failed test. */
  get output(): string {
    return this.#worker?.output().slice(-4_000) ?? "";
  }

  get sight(): Sight {
    return (this.#sight ??= openSight(
      loadOpsConfig({ ...this.env, DATABASE_URL: this.#logins.ops }),
    ));
  }

  /** Does to the database what no part of the product may. */
  async asOwner(sql: string, values: unknown[] = []): Promise<unknown[]> {
    return query(this.parts.stack.urls.postgres, sql, values);
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

  async problems(): Promise<Finding[]> {
    return problemsOf(await examine(this.sight));
  }

  /** Waits until the doctor names the cause. */
  async finds(code: string): Promise<Finding> {
    return this.until(`the doctor to find ${code}`, async () => {
      const found = await this.problems();
      return found.find((one) => one.code === code) ?? found.map((one) => one.code);
    });
  }

  /** Waits until nothing is wrong. */
  async healthy(): Promise<void> {
    await this.until("the doctor to find nothing", async () => {
      const found = await this.problems();
      return found.length === 0 ? true : found.map((one) => `${one.code}: ${one.what}`);
    });
  }

  /** Waits for an answer that is no list; a list says what is there instead. jest's own limit ends a wait for nothing. */
  async until<T extends object | true>(
    what: string,
    look: () => Promise<T | string[] | undefined>,
  ): Promise<T> {
    const giveUpAtMs = Date.now() + 120_000;
    for (;;) {
      const seen = await look();
      if (seen !== undefined && !Array.isArray(seen)) return seen;
      if (Date.now() > giveUpAtMs)
        throw new Error(`still waiting for ${what}; there is ${String(seen)}\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** `npm run ops -- …`, as a process. */
  ops(...args: readonly string[]): Promise<Answer> {
    return this.run("src/ops/main.ts", args);
  }

  run(file: string, args: readonly string[] = []): Promise<Answer> {
    return new Promise((resolve) => {
      const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...this.env };
      execFile(
        process.execPath,
        [join(repositoryRoot, file), ...args],
        { env, cwd: repositoryRoot },
        (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
      );
    });
  }

  async rpc(method: string, ...params: unknown[]): Promise<unknown> {
    return this.provider.send(method, params);
  }

  part(name: string): ManagedProcess {
    const found = this.parts.stack.processes.running.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  /** 0 is the deployer and admin, 1 the platform, from 2 on people. */
  as(index: number): Contract {
    const person = this.#people[index];
    if (person === undefined) throw new Error(`there is no person ${index}`);
    return new Contract(this.parts.stack.contracts.auctionAddress, meetingAuctionInterface, person);
  }

  /** After a reorg, or when somebody else used an account: nonces are asked for again. */
  forgetNonces(): void {
    for (const person of this.#people) person.reset();
  }

  ref(auctionId: string): AuctionRef {
    return {
      chainId: this.parts.stack.contracts.chainId,
      contract: this.parts.stack.contracts.auctionAddress.toLowerCase(),
      auctionId,
    };
  }

  /** An auction of person 2 that ends so many seconds from now, and, with a bid, is won by person 3. */
  async create(
    endsInS: number,
    options: {
      readonly bid?: boolean;
      readonly meetingInS?: number;
      readonly durationS?: number;
    } = {},
  ): Promise<string> {
    const head = await this.provider.getBlock("latest");
    const endTime = (head?.timestamp ?? 0) + endsInS;
    const created = await this.#send(2, "createAuction", [
      {
        salt: `0x${randomBytes(32).toString("hex")}`,
        startTime: 0,
        endTime,
        meetingStart: endTime + (options.meetingInS ?? 86_400),
        meetingDurationS: options.durationS ?? 1_800,
        reservePriceWei: 1_000n,
        minIncrementWei: 1n,
        transferable: false,
      },
    ]);
    const event = created
      .map((log) => meetingAuctionInterface.parseLog(log))
      .find((one) => one?.name === "AuctionCreated");
    const auctionId = String(event?.args["auctionId"]);
    if (options.bid === true) await this.#send(3, "bid", [auctionId, { value: 5_000n }]);
    return auctionId;
  }

  async #send(person: number, name: string, args: readonly unknown[]) {
    const sent = await this.as(person).getFunction(name)(...args);
    const receipt = await sent.wait();
    return receipt.logs as { topics: string[]; data: string }[];
  }

  async call(person: number, name: string, ...args: unknown[]): Promise<void> {
    await this.#send(person, name, args);
  }

  /** What the database says of an auction. */
  async phase(auctionId: string): Promise<string | undefined> {
    const { chainId, contract } = this.ref(auctionId);
    const [row] = await this.sight.db.query<{ phase: string }>(
      "SELECT phase FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3",
      [chainId, contract, auctionId],
    );
    return row?.phase;
  }

  /** When the contract says that an auction ends, in seconds. */
  async endOf(auctionId: string): Promise<number> {
    const view = await this.as(2).getFunction("auctionState")(auctionId);
    return Number(view.endTime);
  }

  async reaches(auctionId: string, ...phases: string[]): Promise<void> {
    await this.until(`auction ${auctionId} to be ${phases.join(" or ")}`, async () => {
      const phase = await this.phase(auctionId);
      return phases.includes(phase ?? "") || [String(phase)];
    });
  }

  workflow(auctionId: string) {
    return this.sight.client.workflow.getHandle(auctionWorkflowId(this.ref(auctionId)));
  }

  /** Ends the Temporal server and starts another one in its place that knows nothing. */
  async wipeTemporal(): Promise<void> {
    await this.part("temporal").stop();
    const { ports, processes } = this.parts.stack;
    await startTemporal({ processes, port: ports.temporal, httpPort: ports.temporalHttp });
    await this.reconnect();
  }
}
