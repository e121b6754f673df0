import { existsSync } from "node:fs";
import { join } from "node:path";
import { litEnvironment } from "./lit-environment.ts";
import { repositoryRoot } from "./paths.ts";
import type { Ports } from "./ports.ts";
import type { ManagedProcess, Processes } from "./processes.ts";
import { START_LIMIT_MS, waitFor } from "./wait.ts";

export interface SandboxesHandle {
  readonly process: ManagedProcess;
  readonly urls: { readonly para: string; readonly lit: string; readonly jitsi: string };
  /** Environment variables that make the product talk to the sandboxes. */
  readonly env: Readonly<Record<string, string>>;
}

const main = join(repositoryRoot, "dev/sandbox/main.ts");

/** Whether there are sandboxes to start. */
export const hasSandboxes = (): boolean => existsSync(main);

/** Starts the stand-ins for Para, Lit and Jitsi (dev/sandbox/main.ts). */
export async function startSandboxes(options: {
  readonly processes: Processes;
  readonly ports: Ports;
  readonly chain: { readonly rpcUrl: string; readonly chainId: number };
  readonly passAddress: string;
  /** Of this process; LIT_NETWORK=chipotle has the product use that service of the Lit sandbox. */
  readonly env: NodeJS.ProcessEnv;
}): Promise<SandboxesHandle> {
  const { para, lit, jitsi } = options.ports;
  const sandboxes = options.processes.spawn({
    name: "sandboxes",
    command: process.execPath,
    args: [
      main,
      `--para-port=${para}`,
      `--lit-port=${lit}`,
      `--jitsi-port=${jitsi}`,
      `--chain-rpc=${options.chain.rpcUrl}`,
    ],
    env: options.env,
    graceMs: 3000,
  });
  const urls = {
    para: `http://127.0.0.1:${para}`,
    lit: `http://127.0.0.1:${lit}`,
    jitsi: `http://127.0.0.1:${jitsi}`,
  };
  const configOf = (url: string): Promise<Config> =>
    waitFor(() => readConfig(url), {
      what: `the sandbox at ${url}`,
      timeoutMs: START_LIMIT_MS,
      by: sandboxes,
    });
  const [paraConfig, litConfig, jitsiConfig] = await Promise.all([
    configOf(urls.para),
    configOf(urls.lit),
    configOf(urls.jitsi),
  ]);
  // The backend that rooms are asked of and told about.
  await fetch(`${urls.jitsi}/__sandbox/config`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ apiUrl: `http://127.0.0.1:${options.ports.api}` }),
  });
  const env = {
    PARA_ENVIRONMENT: paraConfig["environment"],
    PARA_API_KEY: paraConfig["apiKey"],
    PARA_SECRET_API_KEY: paraConfig["secretApiKey"],
    PARA_JWT_AUDIENCE: paraConfig["jwtAudience"],
    PARA_API_URL: paraConfig["apiUrl"],
    ...(await litEnvironment(litConfig, {
      network: options.env["LIT_NETWORK"],
      chainId: options.chain.chainId,
      passAddress: options.passAddress,
      chainRpcUrl: options.chain.rpcUrl,
    })),
    JITSI_DOMAIN: jitsiConfig["domain"],
    JITSI_URL: jitsiConfig["url"],
    JITSI_APP_ID: jitsiConfig["appId"],
    JITSI_SECRET: jitsiConfig["secret"],
    JITSI_INTEGRATION_SECRET: jitsiConfig["integrationSecret"],
    JITSI_ADMIN_URL: jitsiConfig["adminUrl"],
  };
  const known = Object.entries(env).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return { process: sandboxes, urls, env: Object.fromEntries(known) };
}

type Config = Readonly<Record<string, unknown>>;

async function readConfig(url: string): Promise<Config> {
  const response = await fetch(`${url}/__sandbox/config`, { signal: AbortSignal.timeout(2000) });
  if (!response.ok) throw new Error(`${url}/__sandbox/config answered ${response.status}`);
  const config: Config = JSON.parse(await response.text());
  return config;
}
