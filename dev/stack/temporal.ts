import type { ManagedProcess, Processes } from "./processes.ts";
import { findTemporalBinary } from "./temporal-binary.ts";
import { answers, START_LIMIT_MS, waitFor } from "./wait.ts";

export type SearchAttributes = Readonly<
  Record<string, "Text" | "Keyword" | "Int" | "Double" | "Bool" | "Datetime" | "KeywordList">
>;

export interface TemporalOptions {
  readonly processes: Processes;
  readonly port: number;
  /** Port of the Web UI; without it there is none. */
  readonly uiPort?: number;
  /** A port for the server's HTTP API, which readiness is asked from. */
  readonly httpPort: number;
  /** Where workflows survive a restart; without it they are kept in memory. */
  readonly databaseFile?: string;
  readonly searchAttributes?: SearchAttributes;
  /** Made beside "default", each with the search attributes. */
  readonly namespaces?: readonly string[];
  /** Told what is waited for when the server must be installed first. */
  readonly note?: (text: string) => void;
}

export interface TemporalHandle {
  readonly address: string;
  readonly uiUrl: string | undefined;
  /** Undefined when the server is someone else's (TEMPORAL_ADDRESS). */
  readonly process: ManagedProcess | undefined;
}

/** Starts the Temporal dev server on 127.0.0.1, or uses the one that TEMPORAL_ADDRESS names. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalHandle> {
  const given = process.env["TEMPORAL_ADDRESS"];
  if (given !== undefined && given !== "")
    return { address: given, uiUrl: undefined, process: undefined };
  const binary = await findTemporalBinary(options);
  const args = [
    "server",
    "start-dev",
    "--disable-config-file",
    "--disable-config-env",
    "--log-level",
    "warn",
  ];
  args.push(
    "--ip",
    "127.0.0.1",
    "--port",
    String(options.port),
    "--http-port",
    String(options.httpPort),
  );
  args.push(
    ...(options.uiPort === undefined ? ["--headless"] : ["--ui-port", String(options.uiPort)]),
  );
  if (options.databaseFile !== undefined) args.push("--db-filename", options.databaseFile);
  for (const [name, type] of Object.entries(options.searchAttributes ?? {})) {
    args.push("--search-attribute", `${name}=${type}`);
  }
  for (const name of options.namespaces ?? []) args.push("--namespace", name);

  const server = options.processes.spawn({
    name: "temporal",
    command: binary,
    args,
    env: environment(),
    // Its orderly shutdown takes seconds, and a server in memory has nothing to save.
    stopSignal: options.databaseFile === undefined ? "SIGKILL" : "SIGTERM",
  });
  // The last namespace is there when all are.
  const namespace = options.namespaces?.at(-1) ?? "default";
  options.note?.(`Temporal to answer on 127.0.0.1:${options.port}`);
  await waitFor(
    () => answers(`http://127.0.0.1:${options.httpPort}/api/v1/namespaces/${namespace}`),
    {
      what: `Temporal to answer on 127.0.0.1:${options.port}`,
      timeoutMs: START_LIMIT_MS,
      by: server,
      tryThis: "see what its log says; npm run dev -- --fresh starts from empty data",
    },
  );
  return {
    address: `127.0.0.1:${options.port}`,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    process: server,
  };
}

/** The user's TEMPORAL_* settings are for a client; the server we start must not read them. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("TEMPORAL_")),
  );
}
