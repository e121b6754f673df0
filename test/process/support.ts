// The product as a process, started as npm start does, against the parts of the local stack.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureBlock } from "../../dev/stack/errors.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { startStack, type Stack, type StackOptions } from "../../dev/stack/stack.ts";

export interface ProductProcess {
  readonly pid: number;
  /** Everything it has written so far. */
  output(): string;
  readonly exited: Promise<number | null>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** The local stack. When it does not start, the failure shows the end of the log of the part that failed. */
export async function startStackForTest(options: StackOptions): Promise<Stack> {
  try {
    return await startStack(options);
  } catch (error) {
    throw new Error(failureBlock(error), { cause: error });
  }
}

/** Everything but the API and the worker, in a folder of its own. */
export async function startParts(): Promise<{
  readonly stack: Stack;
  readonly folder: string;
  stop(): Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-process-"));
  const stack = await startStackForTest({ dataDir: folder, ports: "free", app: false });
  return {
    stack,
    folder,
    async stop() {
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a process of the product needs of our environment. Compiled modules are kept, as `npm test` has it. */
export function processEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const cache = NODE_COMPILE_CACHE ?? join(repositoryRoot, "node_modules/.cache/compiled");
  return { PATH, HOME, NODE_COMPILE_CACHE: cache };
}

/** Starts src/main.ts, or another file of the same kind, with exactly these variables. */
export function startProduct(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  file = "src/main.ts",
): ProductProcess {
  const child = spawn(process.execPath, [join(repositoryRoot, file), ...args], {
    cwd: repositoryRoot,
    env: { ...processEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) =>
    child.once("exit", (code) => resolve(code)),
  );
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

export interface Readiness {
  readonly status: number;
  readonly body: {
    readonly ready: boolean;
    readonly checks: Record<string, { readonly ok: boolean; readonly detail?: string }>;
  } | null;
}

export async function ask(url: string): Promise<Readiness> {
  try {
    const response = await fetch(url);
    return { status: response.status, body: (await response.json()) as Readiness["body"] };
  } catch {
    return { status: 0, body: null };
  }
}

/** Asks until the answer is as wanted; gives up when the process ends. jest's own limit ends the rest. */
export async function until(what: () => Promise<boolean>, process?: ProductProcess): Promise<void> {
  let ended = false;
  void process?.exited.then(() => (ended = true));
  while (!(await what())) {
    if (ended) throw new Error(`the process ended before that:\n${process?.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The addresses a process listens on, as "address:port", read from the kernel. */
export function listeningAddresses(pid: number): string[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // The descriptor was closed meanwhile.
    }
  }
  const LISTEN = "0A";
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && inodes.has(fields[9] ?? ""))
      .map((fields) => {
        const [address = "", port = ""] = (fields[1] ?? "").split(":");
        return `${address === "0100007F" ? "127.0.0.1" : address}:${Number.parseInt(port, 16)}`;
      }),
  );
}
