import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createApp, hasApp } from "./app.ts";
import type { App, Role } from "./app.ts";
import { chainKeys, ensureContracts, startChain } from "./chain.ts";
import type { ChainHandle } from "./chain.ts";
import { operatorEnvironment, productEnvironment } from "./environment.ts";
import { StackError } from "./errors.ts";
import { checkPorts, choosePorts, freePorts } from "./ports.ts";
import type { Ports } from "./ports.ts";
import { ensureLogins } from "./logins.ts";
import { startPostgres } from "./postgres.ts";
import type { PostgresHandle } from "./postgres.ts";
import type { Processes } from "./processes.ts";
import { silentProgress } from "./progress.ts";
import type { Progress } from "./progress.ts";
import { hasSandboxes, startSandboxes } from "./sandboxes.ts";
import { productSearchAttributes } from "./search-attributes.ts";
import type { StackOptions } from "./stack.ts";
import { readState, writeState } from "./state.ts";
import type { Contracts } from "./state.ts";
import { startTemporal } from "./temporal.ts";
import type { TemporalHandle } from "./temporal.ts";

export interface StackUrls {
  readonly api: string;
  readonly apiMetrics: string;
  readonly workerMetrics: string;
  readonly postgres: string;
  readonly temporal: string;
  readonly temporalUi: string | undefined;
  readonly chain: string;
  readonly para: string;
  readonly lit: string;
  readonly jitsi: string;
}

/** What runs, and how to reach it. */
export interface StackParts {
  readonly ports: Ports;
  readonly urls: StackUrls;
  /** The product's environment for this stack: pass it to processes, or to the config loaders. */
  readonly env: Readonly<Record<string, string>>;
  readonly contracts: Contracts;
  /** The API and the worker; undefined when they were not asked for. */
  readonly app: App | undefined;
  readonly readyMs: number;
}

/** Of the stack's data: where everything is, for whoever operates it. */
export const OPERATOR_FILE = "ops.env";

/** What each part needs to start. */
interface Context {
  readonly processes: Processes;
  readonly progress: Progress;
  readonly ports: Ports;
  readonly dataFolder: string;
  logOf(this: void, name: string): string;
}

/** Checks the ports, then starts the parts: those that do not need each other at the same time. */
export async function startParts(
  options: StackOptions,
  dataDir: string,
  processes: Processes,
): Promise<StackParts> {
  const progress = options.progress ?? silentProgress();
  const ports = options.ports === "free" ? await freePorts() : (options.ports ?? choosePorts());
  await checkPorts(ports);
  const dataFolder = join(dataDir, "data");
  const stateFile = join(dataDir, "stack.json");
  // Database and workflows without their chain are worth nothing.
  const chainIsLost =
    existsSync(join(dataFolder, "postgres")) && !existsSync(join(dataFolder, "chain.json"));
  if (chainIsLost) progress.line("  ! the data of the local chain is gone: everything begins anew");
  if (options.fresh === true || chainIsLost) {
    rmSync(dataFolder, { recursive: true, force: true });
    rmSync(stateFile, { force: true });
  }
  mkdirSync(dataFolder, { recursive: true });
  chmodSync(dataFolder, 0o755); // Postgres may run as another user
  const state = readState(stateFile);
  const context: Context = {
    processes,
    progress,
    ports,
    dataFolder,
    logOf: (name) => join(processes.logDir, `${name}.log`),
  };

  const ledger = async () => {
    const started = await startLedger(context, options.blockTimeS ?? 1, state.contracts);
    if (started.contracts !== state.contracts)
      writeState(stateFile, { ...state, contracts: started.contracts });
    return { ...started, vendorEnv: await startVendors(context, started) };
  };
  const [postgres, temporal, { chain, contracts, vendorEnv }] = await together(
    startDatabase(context),
    startWorkflowServer(context),
    ledger(),
  );
  const env = {
    ...productEnvironment({
      state,
      ports,
      databaseUrl: postgres.url(),
      temporalAddress: temporal.address,
      temporalUiUrl: temporal.uiUrl,
      chain,
      contracts,
      platformKey: chainKeys().platform,
      logDir: processes.logDir,
    }),
    ...vendorEnv,
    ...options.env,
  };
  const logins = await ensureLogins(postgres.url());
  writeFileSync(join(dataDir, OPERATOR_FILE), operatorEnvironment(env, logins.ops));
  const app = options.app === false || !hasApp() ? undefined : await startApp(context, env, logins);
  const urls = urlsOf(ports, postgres, temporal, chain);
  return { ports, urls, env, contracts, app, readyMs: progress.elapsedMs() };
}

function startDatabase({
  processes,
  progress,
  ports,
  dataFolder,
  logOf,
}: Context): Promise<PostgresHandle> {
  const step = { name: "Postgres", waitsFor: "the server", logFile: logOf("postgres") };
  return progress.step(step, async (report) => {
    const dataDir = join(dataFolder, "postgres");
    const postgres = await startPostgres({
      processes,
      dataDir,
      port: ports.postgres,
      database: "app",
    });
    report.waiting("the migrations");
    await runMigrations(processes, postgres.url());
    report.result(postgres.url());
    return postgres;
  });
}

function startWorkflowServer({
  processes,
  progress,
  ports,
  dataFolder,
  logOf,
}: Context): Promise<TemporalHandle> {
  const step = { name: "Temporal", waitsFor: "the server", logFile: logOf("temporal") };
  return progress.step(step, async (report) => {
    const temporal = await startTemporal({
      processes,
      port: ports.temporal,
      httpPort: ports.temporalHttp,
      uiPort: ports.temporalUi,
      databaseFile: join(dataFolder, "temporal.sqlite"),
      searchAttributes: await productSearchAttributes(),
      note: report.waiting,
    });
    report.result(
      temporal.uiUrl === undefined
        ? temporal.address
        : `${temporal.address}, Web UI ${temporal.uiUrl}`,
    );
    return temporal;
  });
}

interface Ledger {
  readonly chain: ChainHandle;
  readonly contracts: Contracts;
}

function startLedger(
  context: Context,
  blockTimeS: number,
  remembered: Contracts | undefined,
): Promise<Ledger> {
  const { processes, progress, ports, dataFolder, logOf } = context;
  const step = { name: "Chain", waitsFor: "anvil", logFile: logOf("anvil") };
  return progress.step(step, async (report) => {
    const stateFile = join(dataFolder, "chain.json");
    const chain = await startChain({ processes, port: ports.anvil, stateFile, blockTimeS });
    report.waiting("the contracts to be deployed");
    const contracts = await ensureContracts(chain, remembered);
    report.result(`${chain.rpcUrl}, contract ${contracts.auctionAddress}`);
    return { chain, contracts };
  });
}

/** Returns the variables that make the product use the sandboxes. */
async function startVendors(
  context: Context,
  ledger: Ledger,
): Promise<Readonly<Record<string, string>>> {
  if (!hasSandboxes()) return {};
  const { processes, progress, ports, logOf } = context;
  const step = { name: "Sandboxes", waitsFor: "Para, Lit and Jitsi", logFile: logOf("sandboxes") };
  return progress.step(step, async (report) => {
    const { env } = await startSandboxes({
      processes,
      ports,
      chain: ledger.chain,
      passAddress: ledger.contracts.passAddress,
      env: {
        ...process.env,
        AUCTION_CONTRACT_ADDRESS: ledger.contracts.auctionAddress,
        PASS_CONTRACT_ADDRESS: ledger.contracts.passAddress,
      },
    });
    report.result("Para, Lit, Jitsi");
    return env;
  });
}

async function startApp(
  context: Context,
  env: Readonly<Record<string, string>>,
  databaseUrls: Readonly<Record<Role, string>>,
): Promise<App> {
  const { processes, progress, ports, logOf } = context;
  const app = createApp({ processes, ports, env, databaseUrls });
  const api = { name: "API", waitsFor: "/readyz", logFile: logOf("api") };
  const worker = { name: "Worker", waitsFor: "/readyz", logFile: logOf("worker") };
  await together(
    progress.step(api, () => app.restart("api")),
    progress.step(worker, () => app.restart("worker")),
  );
  return app;
}

/** Brings the database up to date in a process of its own. */
export async function runMigrations(processes: Processes, databaseUrl: string): Promise<void> {
  const migrating = processes.spawn({
    name: "migrate",
    command: process.execPath,
    args: [join(import.meta.dirname, "migrate.ts")],
    env: { ...process.env, DATABASE_URL: databaseUrl },
  });
  const { code } = await migrating.exited;
  if (code === 0) return;
  throw new StackError("the migrations failed", {
    logFile: migrating.logFile,
    tryThis: "see what its log says; npm run dev -- --fresh starts from empty data",
  });
}

/** Promise.all that waits for every part first, so that nothing still starts while the rest is stopped. */
async function together<P extends readonly Promise<unknown>[]>(
  ...parts: P
): Promise<{ -readonly [K in keyof P]: Awaited<P[K]> }> {
  await Promise.allSettled(parts);
  return Promise.all(parts);
}

function urlsOf(
  ports: Ports,
  postgres: PostgresHandle,
  temporal: TemporalHandle,
  chain: ChainHandle,
): StackUrls {
  const local = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    api: local(ports.api),
    apiMetrics: `${local(ports.apiMetrics)}/metrics`,
    workerMetrics: `${local(ports.workerMetrics)}/metrics`,
    postgres: postgres.url(),
    temporal: temporal.address,
    temporalUi: temporal.uiUrl,
    chain: chain.rpcUrl,
    para: local(ports.para),
    lit: local(ports.lit),
    jitsi: local(ports.jitsi),
  };
}
