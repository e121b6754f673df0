// A real local chain: anvil, from the npm package that carries its binary.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { HDNodeWallet, Mnemonic } from "ethers";

/** Publicly known keys: for local chains only. */
const ANVIL_MNEMONIC = "test test test test test test test test test test test junk";
const READY_TIMEOUT_MS = 180_000;
const READY_POLL_MS = 25;
const STOP_TIMEOUT_MS = 10_000;

export interface AnvilOptions {
  /** 0, the default, lets the operating system choose a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Seconds between blocks. Without it every transaction is mined at once in its own block. */
  readonly blockTimeS?: number;
  /** Loaded at start if it exists, written at stop. */
  readonly statePath?: string;
  /** Where anvil's output goes; dropped if absent. */
  readonly logFile?: string;
  readonly chainId?: number;
  /** How many funded accounts. */
  readonly accounts?: number;
  readonly extraArgs?: readonly string[];
}

export interface AnvilAccount {
  readonly address: string;
  readonly privateKey: string;
}

export interface Anvil {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly accounts: readonly AnvilAccount[];
  /** Ends the process and waits until it is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * The binary itself. The package's own `bin.mjs` would start it as a grandchild that nobody ends when its parent is
 * killed.
 */
export function resolveAnvilBinary(): string {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const fromAnvil = createRequire(
    createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json"),
  );
  try {
    return fromAnvil.resolve(`${name}/bin/anvil${process.platform === "win32" ? ".exe" : ""}`);
  } catch (cause) {
    throw new Error(
      `no anvil for this platform: install ${name} (npm ci does, unless optional packages are off)`,
      {
        cause,
      },
    );
  }
}

/** The accounts anvil funds at start, always the same. */
export function anvilAccounts(count = 10): AnvilAccount[] {
  const root = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(ANVIL_MNEMONIC), "m/44'/60'/0'/0");
  return Array.from({ length: count }, (_, index) => {
    const { address, privateKey } = root.deriveChild(index);
    return { address, privateKey };
  });
}

/** Starts anvil and waits until it answers. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const host = options.host ?? "127.0.0.1";
  const accountCount = options.accounts ?? 10;
  const args = [
    "--host",
    host,
    "--port",
    String(options.port ?? 0),
    "--accounts",
    String(accountCount),
  ];
  args.push("--mnemonic", ANVIL_MNEMONIC, "--chain-id", String(options.chainId ?? 31_337));
  if (options.blockTimeS !== undefined) args.push("--block-time", String(options.blockTimeS));
  if (options.statePath !== undefined) args.push("--state", options.statePath);
  args.push(...(options.extraArgs ?? []));

  const child = spawn(resolveAnvilBinary(), args, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  // A parent that leaves without stop() must not leave a chain behind.
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const stop = async (): Promise<void> => {
    await stopChild(child, exited);
    process.off("exit", killAtExit);
  };

  if (options.logFile !== undefined) {
    const log = createWriteStream(options.logFile, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    void exited.then(() => log.end());
  }
  try {
    const port = await listeningPort(child, child.stdout, child.stderr);
    const rpcUrl = `http://${host}:${port}`;
    await waitUntilReady(rpcUrl, child);
    // Listening is over, so nobody reads the pipes any more; unread, they would fill up and stop anvil.
    child.stdout.resume();
    child.stderr.resume();
    return {
      rpcUrl,
      wsUrl: `ws://${host}:${port}`,
      port,
      pid: child.pid ?? 0,
      accounts: anvilAccounts(accountCount),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Reads the port from anvil's own announcement: asking for a free port first would leave time for someone to take it. */
async function listeningPort(
  child: ChildProcess,
  stdout: Readable,
  stderr: Readable,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = "";
    const settle = (act: () => void): void => {
      stdout.off("data", onData);
      stderr.off("data", onData);
      child.off("close", onClose);
      child.off("error", reject);
      act();
    };
    const onData = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
      const port = /Listening on .*:(\d+)\s/.exec(output)?.[1];
      if (port !== undefined) settle(() => resolve(Number(port)));
    };
    // Not "exit": what it said last may still be on its way then.
    const onClose = (code: number | null): void => {
      settle(() =>
        reject(
          new Error(`anvil ended with code ${code} before listening: ${output.trim().slice(-500)}`),
        ),
      );
    };
    stdout.on("data", onData);
    stderr.on("data", onData);
    child.once("close", onClose);
    child.once("error", reject);
  });
}

async function waitUntilReady(rpcUrl: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      const response = await fetch(rpcUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
        signal: AbortSignal.timeout(READY_TIMEOUT_MS),
      });
      if (response.ok) return;
      if (Date.now() > deadline)
        throw new Error(`anvil at ${rpcUrl} answers with status ${response.status}`);
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

/** SIGTERM lets anvil write its state; SIGKILL follows only if it does not react. */
async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
