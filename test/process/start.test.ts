import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type HDNodeWallet, Wallet } from "ethers";
import pg from "pg";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { deployContracts } from "../../contracts/deploy.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startServer } from "../../dev/sandbox/http.ts";
import { startPostgres } from "../../dev/stack/postgres.ts";
import { filesWithSecrets } from "../support/logs.ts";
import { getTestWorkflowBundle } from "../support/stack.ts";
import { ask, listeningAddresses, startParts, startProduct, until } from "./support.ts";

// Only a hang takes as long.
jest.setTimeout(15 * 60_000);

let parts: Awaited<ReturnType<typeof startParts>>;
let productEnv: Record<string, string>;
let apiEnv: Record<string, string>;
let workerEnv: Record<string, string>;
let metricsPorts: { api: number; worker: number };

beforeAll(async () => {
  const [started, { codePath }] = await Promise.all([startParts(), getTestWorkflowBundle()]);
  parts = started;
  // That a worker makes its own bundle without one is seen by test/process/demo.test.ts.
  productEnv = { ...parts.stack.env, WORKFLOW_BUNDLE: codePath };
  const { PLATFORM_PRIVATE_KEY = "", ...withoutKey } = productEnv;
  const ports = await freePorts();
  metricsPorts = { api: ports.apiMetrics, worker: ports.workerMetrics };
  apiEnv = { ...withoutKey, METRICS_PORT: String(metricsPorts.api) };
  workerEnv = { ...withoutKey, PLATFORM_PRIVATE_KEY, METRICS_PORT: String(metricsPorts.worker) };
});
afterAll(() => parts.stop());

async function refusal(args: readonly string[], env: Record<string, string>): Promise<string> {
  const product = startProduct(args, env);
  expect(await product.exited).toBe(1);
  return product.output();
}

describe("a wrong start ends with exit code 1 and its reason", () => {
  test("every wrong variable is listed", async () => {
    const output = await refusal([], {
      ...parts.stack.env,
      JWT_SECRET: "short",
      TEMPORAL_ADDRESS: "",
      ETH_HTTP_ENDPOINT: "ftp://x",
    });
    expect(output).toContain("The configuration has 3 problems");
    for (const line of [
      "JWT_SECRET: must have at least 32 characters",
      "TEMPORAL_ADDRESS: is missing",
      "ETH_HTTP_ENDPOINT: must be a URL",
    ])
      expect(output).toContain(line);
    expect(output).not.toContain("short,");
  });

  test("an unknown role", async () => {
    expect(await refusal(["--role=boss"], parts.stack.env)).toContain(
      '--role: is "boss", which is no role',
    );
  });

  test("a contract address without code", async () => {
    const output = await refusal(["--role=worker"], {
      ...workerEnv,
      AUCTION_CONTRACT_ADDRESS: Wallet.createRandom().address,
    });
    expect(output).toContain("AUCTION_CONTRACT_ADDRESS: has no code on chain 31337");
  });

  test("a contract that is something else", async () => {
    const output = await refusal(["--role=worker"], {
      ...workerEnv,
      AUCTION_CONTRACT_ADDRESS: parts.stack.contracts.passAddress,
    });
    expect(output).toContain("AUCTION_CONTRACT_ADDRESS: is not a MeetingAuction");
  });

  test("meetings that could outlast the contract's grace period", async () => {
    const [deployer, operator] = anvilAccounts(2);
    const { auctionAddress } = await deployContracts({
      rpcUrl: parts.stack.urls.chain,
      deployerKey: deployer?.privateKey ?? "",
      operatorAddresses: [operator?.address ?? ""],
      config: { releaseGraceS: 3_600 },
    });
    const env = { ...workerEnv, AUCTION_CONTRACT_ADDRESS: auctionAddress };
    const output = await refusal(["--role=worker"], env);
    expect(output).toContain(
      "MEETING_MAX_EXTENSION_MINUTES: lets a meeting last beyond the 3600 s",
    );
  });

  test("a key that lacks the operator role", async () => {
    const stranger: HDNodeWallet = Wallet.createRandom();
    const output = await refusal(["--role=worker"], {
      ...workerEnv,
      PLATFORM_PRIVATE_KEY: stranger.privateKey,
    });
    expect(output).toContain(
      `PLATFORM_PRIVATE_KEY: belongs to ${stranger.address}, which lacks OPERATOR_ROLE`,
    );
    expect(output).not.toContain(stranger.privateKey);
  });

  test("a wallet for which the signer has no key", async () => {
    const { PLATFORM_PRIVATE_KEY: _, ...keyless } = workerEnv;
    const wallet = Wallet.createRandom().address;
    const output = await refusal(["--role=chain-worker"], {
      ...keyless,
      // anvil signs for its own accounts.
      PLATFORM_SIGNER_URL: parts.stack.env["ETH_HTTP_ENDPOINT"] ?? "",
      PLATFORM_WALLETS: wallet,
    });
    expect(output).toContain(`PLATFORM_WALLETS: names ${wallet}, for which the signer`);
  });

  test("an RPC endpoint of another chain than the database knows", async () => {
    const db = new pg.Client(parts.stack.urls.postgres);
    await db.connect();
    await db.query("CREATE TABLE kept AS SELECT * FROM chain_cursors");
    await db.query(`DELETE FROM chain_cursors`);
    await db.query(
      `INSERT INTO chain_cursors (chain_id, stream, genesis_hash, block_number, block_hash) VALUES (1, 'auctions', $1, 0, $1)`,
      [`0x${"11".repeat(32)}`],
    );
    try {
      const output = await refusal(["--role=worker"], workerEnv);
      expect(output).toContain(
        "ETH_HTTP_ENDPOINT: serves chain 31337, but the database holds chain 1",
      );
    } finally {
      await db.query("DELETE FROM chain_cursors");
      await db.query("INSERT INTO chain_cursors SELECT * FROM kept");
      await db.query("DROP TABLE kept");
      await db.end();
    }
  });

  test("a database that was never migrated", async () => {
    const admin = new pg.Client(parts.stack.urls.postgres);
    await admin.connect();
    await admin.query("CREATE DATABASE bare");
    try {
      const url = new URL(parts.stack.urls.postgres);
      url.pathname = "/bare";
      expect(await refusal(["--role=worker"], { ...workerEnv, DATABASE_URL: url.href })).toContain(
        "run npm run migrate first",
      );
    } finally {
      await admin.query("DROP DATABASE bare WITH (FORCE)");
      await admin.end();
    }
  });
});

test("the API needs no private key, and says truly what is missing while a part is away", async () => {
  const api = startProduct(["--role=api"], apiEnv);
  try {
    const { urls } = parts.stack;
    const ready = `${urls.api}/readyz`;
    await until(async () => (await ask(ready)).status === 200, api);
    const running = Object.fromEntries(parts.stack.processes.running.map((one) => [one.name, one]));
    const paused = (name: string) => ({
      stop: async () => running[name]?.kill("SIGSTOP"),
      start: async () => running[name]?.kill("SIGCONT"),
    });
    // A stopped postmaster's backends go on serving, so Postgres is really ended and started again.
    const postgres = {
      stop: async () => running["postgres"]?.stop(),
      start: async () => {
        await startPostgres({
          processes: parts.stack.processes,
          dataDir: join(parts.folder, "data/postgres"),
          port: parts.stack.ports.postgres,
          database: "app",
        });
      },
    };
    for (const [part, { stop, start }] of Object.entries({
      postgres,
      temporal: paused("temporal"),
      chain: paused("anvil"),
    })) {
      await stop();
      try {
        // On a busy machine another part may be late once too.
        await until(async () => {
          const { status, body } = await ask(ready);
          const missing = Object.entries(body?.checks ?? {}).filter(([, one]) => !one.ok);
          return status === 503 && missing.map(([name]) => name).join() === part;
        }, api);
        expect((await ask(`${urls.api}/healthz`)).status).toBe(200);
      } finally {
        await start();
      }
      await until(async () => (await ask(ready)).status === 200, api);
    }
    expect(await api.stop()).toBe(0);
  } finally {
    await api.stop();
  }
});

test("while it waits for what it needs, the API says that it lives and what it waits for", async () => {
  const api = startProduct(["--role=api"], { ...apiEnv, TEMPORAL_ADDRESS: "127.0.0.1:1" });
  try {
    const { urls } = parts.stack;
    for (const at of [urls.api, `http://127.0.0.1:${metricsPorts.api}`]) {
      await until(async () => (await ask(`${at}/healthz`)).status === 200, api);
      await until(async () => {
        const { status, body } = await ask(`${at}/readyz`);
        return (
          (status === 503 &&
            (body?.checks["start"]?.detail ?? "") ===
              "this server is starting and waits for Temporal") ||
          body?.checks["start"]?.detail === "waits for Temporal"
        );
      }, api);
    }
    expect((await ask(`http://127.0.0.1:${metricsPorts.api}/startedz`)).status).toBe(503);
    const early = await fetch(`${urls.api}/api/meta?fields=all`);
    expect([early.status, early.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(early.headers.get("content-type")).toBe("application/problem+json");
    expect(await early.json()).toMatchObject({ status: 503, code: "starting" });
    // A page can read that, and a request that was sent by half keeps nobody from ending.
    const origin = "http://localhost:3000";
    const seen = await fetch(`${urls.api}/api/meta`, { headers: { origin } });
    expect(seen.headers.get("access-control-allow-origin")).toBe(origin);
    for (const port of [parts.stack.ports.api, metricsPorts.api]) {
      const half = connect(port, "127.0.0.1").on("error", () => undefined);
      await once(half, "connect");
      half.write("GET /metr");
    }
    expect(await api.stop()).toBe(0);
  } finally {
    await api.stop();
  }
});

test("what only the API finds wrong ends the process before its worker has served anything", async () => {
  const output = await refusal([], { ...productEnv, LIT_ACTION_IPFS_CID: `Qm${"1".repeat(44)}` });
  expect(output).toContain("LIT_ACTION_IPFS_CID");
  expect(output).not.toMatch(/the wallets are served|the worker is running/);
});

test("a taken port is named before anything is connected to", async () => {
  const taken = await startServer(parts.stack.ports.api, () => []);
  try {
    const output = await refusal(["--role=api"], {
      ...apiEnv,
      DATABASE_URL: "postgres://nobody@127.0.0.1:1/x",
    });
    expect(output).toContain(`PORT: is taken: something else listens on`);
  } finally {
    await taken.stop();
  }
});

test("the worker opens no public port, and stops when asked to", async () => {
  const worker = startProduct(["--role=worker"], workerEnv);
  try {
    await until(
      async () => (await ask(`http://127.0.0.1:${metricsPorts.worker}/readyz`)).status === 200,
      worker,
    );
    await until(
      async () => (await ask(`http://127.0.0.1:${metricsPorts.worker}/startedz`)).status === 200,
      worker,
    );
    // Beside it the Temporal SDK's own metrics, which /metrics passes on.
    const listening = listeningAddresses(worker.pid);
    expect(listening).toContain(`127.0.0.1:${metricsPorts.worker}`);
    expect(listening.filter((one) => !one.startsWith("127.0.0.1:"))).toEqual([]);
    expect(listening).toHaveLength(2);
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPorts.worker}/metrics`)).text();
    expect(metrics).toContain("rpc_requests_total");
    expect(metrics).toMatch(/^temporal_num_pollers\{/m);
    expect(worker.output()).toContain(new Wallet(anvilAccounts(2)[1]?.privateKey ?? "").address);
    expect(await worker.stop()).toBe(0);
  } finally {
    await worker.stop();
  }
});

test("a chain worker without a key has its transactions signed elsewhere", async () => {
  const { PLATFORM_PRIVATE_KEY = "", ...keyless } = workerEnv;
  const { address } = new Wallet(PLATFORM_PRIVATE_KEY);
  const worker = startProduct(["--role=chain-worker"], {
    ...keyless,
    PLATFORM_SIGNER_URL: parts.stack.env["ETH_HTTP_ENDPOINT"] ?? "",
    PLATFORM_WALLETS: address,
  });
  try {
    await until(async () => worker.output().includes("the wallets are served"), worker);
    expect(worker.output()).toContain(address);
    expect(await worker.stop()).toBe(0);
  } finally {
    await worker.stop();
  }
});

test("npm start without a role is the API and the worker in one process", async () => {
  const product = startProduct([], { ...productEnv, METRICS_PORT: String(metricsPorts.api) });
  try {
    const { api } = parts.stack.urls;
    await until(async () => (await ask(`${api}/readyz`)).status === 200, product);
    await until(async () => product.output().includes("the worker is running"), product);
    const meta = await (await fetch(`${api}/api/meta`)).json();
    expect(meta).toMatchObject({ chainId: 31_337 });
    expect(await product.stop()).toBe(0);
  } finally {
    await product.stop();
  }
});

test("nothing that these processes logged holds a secret", () => {
  const { JWT_SECRET, PLATFORM_PRIVATE_KEY, JITSI_SECRET, JITSI_INTEGRATION_SECRET } =
    parts.stack.env;
  const secrets = [JWT_SECRET, PLATFORM_PRIVATE_KEY, JITSI_SECRET, JITSI_INTEGRATION_SECRET];
  const known = secrets.filter((one) => one !== undefined);
  expect(known).toHaveLength(4);
  const anvils = (file: string): boolean => file.endsWith("anvil.log");
  expect(filesWithSecrets(parts.stack.processes.logDir, known, anvils)).toEqual([]);
  expect(readFileSync(join(parts.stack.processes.logDir, "combined.log"), "utf8")).toContain(
    "the worker is running",
  );
});
