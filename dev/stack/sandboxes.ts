import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./paths.ts";
import type { Ports } from "./ports.ts";
import type { ManagedProcess, Processes } from "./processes.ts";
import { waitFor } from "./wait.ts";

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
  readonly chainRpcUrl: string;
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
      `--chain-rpc=${options.chainRpcUrl}`,
    ],
    env: options.env,
    graceMs: 3000,
  });
  const urls = {
    para: `http://127.0.0.1:${para}`,
    lit: `http://127.0.0.1:${lit}`,
    jitsi: `http://127.0.0.1:${jitsi}`,
  };
  const parts = await Promise.all(
    Object.values(urls).map((url) =>
      waitFor(() => environmentOf(url), {
        what: `the sandbox at ${url}`,
        timeoutMs: 60_000,
        by: sandboxes,
      }),
    ),
  );
  return { process: sandboxes, urls, env: Object.assign({}, ...parts) };
}

/** `GET /__sandbox/config` of each sandbox holds `env`: what the product's environment must say to use it. */
async function environmentOf(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/__sandbox/config`, { signal: AbortSignal.timeout(2000) });
  if (!response.ok) throw new Error(`${url}/__sandbox/config answered ${response.status}`);
  const config: { env?: Record<string, string> } = JSON.parse(await response.text());
  return config.env ?? {};
}
