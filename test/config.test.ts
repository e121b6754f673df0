import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { expect, test } from "@jest/globals";
import { computeAddress, SigningKey } from "ethers";
import { accessGateOptions, actionOf } from "../src/lit-options.ts";
import { computeActionCid } from "../src/lit/index.ts";
import { misspelt } from "../src/config-unknown.ts";
import { API, AUCTION_WORKER, CHAIN_WORKER, COMMON, MEETINGS } from "../src/config-variables.ts";
import { ConfigError, loadApiConfig, loadConfigs, loadWorkerConfig } from "../src/config.ts";

const common = {
  NODE_ENV: "development",
  DATABASE_URL: "postgres://app:app@127.0.0.1/app",
  TEMPORAL_ADDRESS: "127.0.0.1:7233",
  ETH_HTTP_ENDPOINT: "http://127.0.0.1:8545",
  AUCTION_CONTRACT_ADDRESS: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  JITSI_DOMAIN: "meet.meeting-house.dev",
  JITSI_APP_ID: "app",
  JITSI_SECRET: "s".repeat(32),
};
const worker = { ...common, PLATFORM_PRIVATE_KEY: `0x${"1".repeat(64)}` };
const api = {
  ...common,
  JWT_SECRET: "j".repeat(32),
  ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString("base64")}`,
  PARA_API_KEY: "beta_x",
  PARA_SECRET_API_KEY: "y",
  PARA_JWT_AUDIENCE: "z",
  LIT_NETWORK: "datil-dev",
  LIT_ACTION_IPFS_CID: "QmRvUHhighTHrGgxTcVngUwpDiepA1TX2ayfJUiNVu7ugL",
  LIT_PKP_PUBLIC_KEY: new SigningKey(`0x${"77".repeat(32)}`).publicKey,
  JITSI_INTEGRATION_SECRET: "i".repeat(32),
};

/** The problems of a configuration, as "VARIABLE: problem". */
function problemsOf(load: () => unknown): string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((one) => `${one.variable}: ${one.problem}`);
    throw error;
  }
  return [];
}

test("each role asks only for what it needs", () => {
  expect(problemsOf(() => loadWorkerConfig(worker))).toEqual([]);
  expect(problemsOf(() => loadApiConfig(api))).toEqual([]);
  expect(problemsOf(() => loadConfigs(undefined, { ...worker, ...api }))).toEqual([]);
  expect(problemsOf(() => loadWorkerConfig(common))).toEqual([
    "PLATFORM_PRIVATE_KEY: is missing (or PLATFORM_SIGNER_URL and PLATFORM_WALLETS)",
  ]);
  // The key belongs to the chain worker alone, and whoever holds it has nothing to do with rooms.
  expect(problemsOf(() => loadConfigs("auction-worker", common))).toEqual([]);
  const { JITSI_APP_ID: _, JITSI_SECRET: __, ...withoutRooms } = worker;
  expect(problemsOf(() => loadConfigs("chain-worker", withoutRooms))).toEqual([]);
  expect(loadConfigs("auction-worker", worker)).not.toHaveProperty("auctions.PLATFORM_PRIVATE_KEY");
});

test("every problem is listed at once, with an example", () => {
  const broken = {
    ...worker,
    ...api,
    DATABASE_URL: "mysql://x",
    ETH_HTTP_ENDPOINT: "",
    JWT_SECRET: "short",
    CHAIN_CONFIRMATIONS: "0",
    PLATFORM_PRIVATE_KEY: "0x12",
    LIT_NETWORK: "serrano",
    AUCTION_CONTRACT_ADDRESS: "0x1",
  };
  const problems = problemsOf(() => loadConfigs(undefined, broken));
  expect(new Set(problems.map((one) => one.split(":")[0]))).toEqual(
    new Set([
      "AUCTION_CONTRACT_ADDRESS",
      "CHAIN_CONFIRMATIONS",
      "DATABASE_URL",
      "ETH_HTTP_ENDPOINT",
      "JWT_SECRET",
      "LIT_NETWORK",
      "PLATFORM_PRIVATE_KEY",
    ]),
  );
  expect(problems.find((one) => one.startsWith("LIT_NETWORK"))).toContain("has been shut down");
  expect(problems.find((one) => one.startsWith("JWT_SECRET"))).toContain(
    "at least 32 characters, this one has 5",
  );
  try {
    loadConfigs(undefined, broken);
  } catch (error) {
    for (const line of ["has 7 problems", "for example JWT_SECRET="])
      expect((error as Error).message).toContain(line);
  }
});

test.each([
  [
    "production without a word on TLS",
    { NODE_ENV: "production" },
    "DATABASE_URL: must say how TLS",
  ],
  [
    "finality below confirmations",
    { CHAIN_CONFIRMATIONS: "10", CHAIN_FINALITY_DEPTH: "5" },
    "CHAIN_FINALITY_DEPTH: must not be smaller",
  ],
  [
    "a cron expression with six fields",
    { AUCTION_CHECK_INTERVAL: "* * * * * *" },
    "AUCTION_CHECK_INTERVAL: must be a cron expression",
  ],
  [
    "a Jitsi address with a query",
    { JITSI_URL: "https://meet.example.org/?room=" },
    "JITSI_URL: must end with a path",
  ],
  [
    "a Jitsi domain that is a URL",
    { JITSI_DOMAIN: "https://meet.example.org/" },
    "JITSI_DOMAIN: must be a host name alone",
  ],
  [
    "the id of a key that is not there",
    { JITSI_ADMIN_KID: "backend/2026" },
    "JITSI_ADMIN_SECRET: is missing: JITSI_ADMIN_KID",
  ],
  ["a PEM that is none", { JITSI_SECRET: "-----BEGIN NOTHING" }, "JITSI_SECRET: begins like a PEM"],
])("%s is refused", (_name, change, problem) => {
  expect(problemsOf(() => loadWorkerConfig({ ...worker, ...change })).join("\n")).toContain(
    problem,
  );
});

test.each([
  [
    "two encryption keys of one name",
    {
      ENCRYPTION_KEYS: `${api.ENCRYPTION_KEYS},k1:${Buffer.alloc(32, 1).toString("base64")}`,
    },
    "ENCRYPTION_KEYS: names two keys alike",
  ],
  [
    "Jitsi's secret as that of our tokens",
    { JWT_SECRET: common.JITSI_SECRET },
    "JITSI_SECRET: is the same as JWT_SECRET",
  ],
  [
    "the integrations' secret as that of our tokens",
    { JWT_SECRET: api.JITSI_INTEGRATION_SECRET },
    "JITSI_INTEGRATION_SECRET: is the same as JWT_SECRET",
  ],
  [
    "a key of Para's other environment",
    { PARA_ENVIRONMENT: "prod" },
    "PARA_API_KEY: is no public key of the environment prod",
  ],
  ["Para's REST key as the public one", { PARA_API_KEY: "sk_123" }, "does not begin with beta_"],
  [
    "a shared secret for JaaS, which takes none",
    { JITSI_DOMAIN: "8x8.vc" },
    "JITSI_SECRET: is no PEM: JITSI_DOMAIN is JaaS",
  ],
])("%s is refused", (_name, change, problem) => {
  expect(problemsOf(() => loadApiConfig({ ...api, ...change })).join("\n")).toContain(problem);
});

test("a configuration that is printed shows no secret", () => {
  const config = loadConfigs(undefined, { ...worker, ...api });
  const printed = `${inspect(config, { depth: 9 })} ${JSON.stringify(config, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))} ${String(config.chain?.PLATFORM_PRIVATE_KEY?.[0])}`;
  for (const secret of [
    worker.PLATFORM_PRIVATE_KEY,
    api.JWT_SECRET,
    api.JITSI_INTEGRATION_SECRET,
    common.JITSI_SECRET,
  ])
    expect(printed).not.toContain(secret);
  expect(config.chain?.PLATFORM_PRIVATE_KEY?.[0]?.reveal()).toBe(worker.PLATFORM_PRIVATE_KEY);
});

const PKP = new SigningKey(`0x${"77".repeat(32)}`);
const chipotle = {
  LIT_NETWORK: "chipotle",
  LIT_API_KEY: "usage key",
  LIT_ACTION_RPC_URL: "https://rpc.example.org,https://rpc.example.net",
};

test.each([
  ["a CID that is none", { LIT_ACTION_IPFS_CID: "Qm" }, "LIT_ACTION_IPFS_CID: must be an IPFS CID"],
  ["a key that is none", { LIT_PKP_PUBLIC_KEY: "0x04" }, "LIT_PKP_PUBLIC_KEY: must be"],
  [
    "an address where a public key is needed",
    { LIT_PKP_PUBLIC_KEY: computeAddress(PKP.publicKey) },
    "LIT_PKP_PUBLIC_KEY: is an address",
  ],
  ["an action's key on v7", { LIT_SIGNER: "action" }, "LIT_SIGNER: cannot be action"],
  ["an unknown policy", { LIT_WHEN_UNREACHABLE: "open" }, "LIT_WHEN_UNREACHABLE: must be one of"],
  ["chipotle without its key", { ...chipotle, LIT_API_KEY: "" }, "LIT_API_KEY: is missing"],
  [
    "chipotle without an RPC for the action",
    { ...chipotle, LIT_ACTION_RPC_URL: "" },
    "LIT_ACTION_RPC_URL: is missing",
  ],
  [
    "a delegation that is none",
    { LIT_CAPACITY_DELEGATION_AUTH_SIG: "{}" },
    "LIT_CAPACITY_DELEGATION_AUTH_SIG: must be JSON",
  ],
])("Lit with %s is refused", (_name, change, problem) => {
  expect(problemsOf(() => loadApiConfig({ ...api, ...change })).join("\n")).toContain(problem);
});

test("chipotle takes its key's address, and the text of the action must have the configured CID", () => {
  const env = {
    ...api,
    ...chipotle,
    LIT_PKP_PUBLIC_KEY: computeAddress(PKP.publicKey),
  };
  const chain = { chainId: 1, passContract: "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512" };
  const options = (changes: object) =>
    accessGateOptions(loadApiConfig({ ...env, ...changes }), chain);
  const cid = computeActionCid(actionOf(loadApiConfig(env), chain));
  expect(problemsOf(() => options({}))).toEqual([
    expect.stringMatching(new RegExp(`^LIT_ACTION_IPFS_CID: is not the CID .* has the CID ${cid}`)),
  ]);
  const { actionSource, apiKey } = options({ LIT_ACTION_IPFS_CID: cid });
  expect(apiKey).toBe("usage key");
  expect(actionSource).toContain(
    'const PINNED = {"chainId":1,"contract":"0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512","rpcUrls":["https://rpc.example.org","https://rpc.example.net"]};',
  );
  // The node's own RPC: the text goes as it is in contracts/lit.
  const cidOfFile = readFileSync(
    new URL("../contracts/lit/access-action.cid", import.meta.url),
    "utf8",
  );
  expect(
    accessGateOptions(loadApiConfig({ ...api, LIT_ACTION_IPFS_CID: cidOfFile.trim() }), chain)
      .actionCid,
  ).toBe(cidOfFile.trim());
  expect(problemsOf(() => options({ LIT_ACTION_FILE: import.meta.filename }))).toEqual([
    expect.stringContaining("LIT_ACTION_FILE: names a text that has no place"),
  ]);
});

test("env.example names every variable and nothing else", () => {
  const source = readFileSync(new URL("../src/config-variables.ts", import.meta.url), "utf8");
  const known = new Set(
    [...source.matchAll(/^ {2}([A-Z][A-Z0-9_]+): \{/gm)].map((match) => match[1]),
  );
  const example = new Set(
    [
      ...readFileSync(new URL("../env.example", import.meta.url), "utf8").matchAll(
        /^([A-Z][A-Z0-9_]+)=/gm,
      ),
    ].map((match) => match[1]),
  );
  // Read by Temporal's own envconfig, and by docker-compose.
  for (const other of [
    "API_DB_PASSWORD",
    "WORKER_DB_PASSWORD",
    "CHAIN_WORKER_DB_PASSWORD",
    "OPERATOR_DB_PASSWORD",
    "TEMPORAL_API_KEY",
    "POSTGRES_PASSWORD",
    "TEMPORAL_DB_PASSWORD",
    "JITSI_COMPONENTS_PASSWORD",
    "JITSI_ADVERTISE_IPS",
  ])
    expect(example.delete(other)).toBe(true);
  expect(example).toEqual(known);
});

test("a comment that a reader of .env took for a value is refused as one", () => {
  expect(
    problemsOf(() => loadApiConfig({ ...api, JITSI_KID: "# JaaS: the id of the key" })),
  ).toEqual(["JITSI_KID: is a comment: in .env a comment needs a line of its own"]);
});

test("fee caps are given once for all kinds or for each kind, in gwei", () => {
  const caps = (value: string): unknown =>
    loadWorkerConfig({ ...worker, CHAIN_MAX_FEE_GWEI: value }).CHAIN_MAX_FEE_GWEI;
  const gwei = 10n ** 9n;
  expect(caps("2.5")).toEqual({
    end: 2_500_000_000n,
    mint: 2_500_000_000n,
    settle: 2_500_000_000n,
    cancel: 2_500_000_000n,
  });
  expect(caps("end:9, mint:1, settle:2, cancel:8")).toEqual({
    end: 9n * gwei,
    mint: gwei,
    settle: 2n * gwei,
    cancel: 8n * gwei,
  });
});

test.each([
  ["CHAIN_MAX_FEE_GWEI", "end:500", "lacks mint, settle, cancel"],
  ["CHAIN_MAX_FEE_GWEI", "end:1,end:2,mint:1,settle:1,cancel:1", "names end twice"],
  ["CHAIN_MAX_FEE_GWEI", "burn:1", "must name end, mint, settle, cancel"],
  ["CHAIN_MAX_FEE_GWEI", "0", "must hold positive numbers of gwei"],
  ["CHAIN_MAX_FEE_GWEI", "-1", "must hold positive numbers of gwei"],
  ["CHAIN_BATCH_ITEMS", "51", "must be a whole number from 1 to 50"],
  ["ETH_TIMEOUT_MS", "5s", "must be a whole number from 100"],
  ["WORKFLOW_BUNDLE", "/no/such/file.js", "names a file that is not there"],
  ["CRASH_AT", "sender.nowhere", "must name one of sender.started"],
  ["CRASH_AT", "sender.stored:0", "must be a whole number from 1"],
])("%s=%s is refused: it %s", (variable, value, problem) => {
  const problems = problemsOf(() => loadWorkerConfig({ ...worker, [variable]: value }));
  expect(problems).toEqual([expect.stringContaining(`${variable}: ${problem}`)]);
});

test("the same key twice is refused", () => {
  const key = worker.PLATFORM_PRIVATE_KEY;
  expect(
    problemsOf(() => loadWorkerConfig({ ...worker, PLATFORM_PRIVATE_KEY: `${key},${key}` })),
  ).toEqual(["PLATFORM_PRIVATE_KEY: holds the same key twice: each wallet is one key"]);
});

test("a signer elsewhere takes the place of keys", () => {
  const { PLATFORM_PRIVATE_KEY: _, ...keyless } = worker;
  const url = { PLATFORM_SIGNER_URL: "http://127.0.0.1:9000" };
  const wallets = { PLATFORM_WALLETS: `0x${"11".repeat(20)}` };
  expect(problemsOf(() => loadWorkerConfig({ ...keyless, ...url, ...wallets }))).toEqual([]);
  expect(problemsOf(() => loadWorkerConfig({ ...worker, ...url, ...wallets }))).toEqual([
    "PLATFORM_PRIVATE_KEY: must be unset: PLATFORM_SIGNER_URL names who signs instead",
  ]);
  expect(problemsOf(() => loadWorkerConfig({ ...keyless, ...url }))).toEqual([
    "PLATFORM_WALLETS: is missing: PLATFORM_SIGNER_URL needs it",
  ]);
  expect(problemsOf(() => loadWorkerConfig({ ...keyless, ...wallets }))).toEqual([
    "PLATFORM_SIGNER_URL: is missing: PLATFORM_WALLETS needs it",
  ]);
});

test("a process that kills itself on purpose is refused in production", () => {
  const production = {
    ...worker,
    NODE_ENV: "production",
    DATABASE_URL: `${common.DATABASE_URL}?sslmode=disable`,
  };
  expect(problemsOf(() => loadWorkerConfig(production))).toEqual([]);
  expect(problemsOf(() => loadWorkerConfig({ ...production, CRASH_AT: "sender.stored" }))).toEqual([
    expect.stringContaining("CRASH_AT: kills the process on purpose"),
  ]);
});

test("a variable with a slip in its name is told with the name that was meant", () => {
  expect(
    misspelt({
      MEETING_OPENS_BEFORE: "600",
      JITSI_DOMIAN: "x",
      DATABASE_URI: "x",
      // Those of a machine, and of a cluster.
      PATH: "/bin",
      HOME: "/root",
      HOSTNAME: "pod-1",
      LANG: "C",
      MEETING_SERVICE_HOST: "10.0.0.1",
      KUBERNETES_PORT: "x",
      [`JITSI_${"X".repeat(100_000)}`]: "x",
    }),
  ).toEqual([
    { name: "MEETING_OPENS_BEFORE", meant: "MEETING_OPENS_BEFORE_S" },
    { name: "JITSI_DOMIAN", meant: "JITSI_DOMAIN" },
    { name: "DATABASE_URI", meant: "DATABASE_URL" },
  ]);
  const { JITSI_APP_ID, ...others } = worker;
  expect(() => loadWorkerConfig({ ...others, JITSI_AP_ID: JITSI_APP_ID })).toThrow(
    "JITSI_APP_ID: is missing; JITSI_AP_ID is set: is it that?",
  );
});

test("no name of ours looks like another one of ours that is left out", () => {
  const names = Object.keys({ ...COMMON, ...MEETINGS, ...API, ...AUCTION_WORKER, ...CHAIN_WORKER });
  expect(misspelt(Object.fromEntries(names.map((name) => [name, "x"])))).toEqual([]);
});

test("in production a Jitsi on this machine needs no certificate", () => {
  const production = { NODE_ENV: "production", DATABASE_URL: "postgres://x/x?sslmode=disable" };
  const given = { ...api, ...production, JITSI_URL: "http://127.0.0.1:5103" };
  expect(problemsOf(() => loadApiConfig(given))).toEqual([]);
});

test.each([
  [{ JITSI_DOMAIN: "meet.jit.si" }, "JITSI_DOMAIN: is the public server"],
  [{ JITSI_DOMAIN: "meet.example.org:8443" }, "JITSI_DOMAIN: is a placeholder"],
  [{ JITSI_URL: "http://meet.meeting-house.dev" }, "JITSI_URL: must be https"],
  [{ FRONTEND_URL: "https://auctions.example.org" }, "FRONTEND_URL: is a placeholder"],
])("a placeholder is refused in production, and taken elsewhere: %j", (changes, problem) => {
  const given = { ...api, ...changes };
  expect(() => loadApiConfig(given)).not.toThrow();
  const production = { NODE_ENV: "production", DATABASE_URL: "postgres://x/x?sslmode=disable" };
  expect(() => loadApiConfig({ ...given, ...production })).toThrow(problem);
});
