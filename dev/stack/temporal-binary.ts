import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StackError } from "./errors.ts";
import type { Processes } from "./processes.ts";

/** The newest version that `go install` can build; later ones hold replace directives. */
const GO_PACKAGE = "github.com/temporalio/cli/cmd/temporal@v1.5.1";
const DOWNLOAD_TIMEOUT_MS = 30_000;

export interface TemporalBinaryOptions {
  readonly processes: Processes;
  readonly env?: NodeJS.ProcessEnv;
  readonly note?: (text: string) => void;
}

/**
 * Finds the Temporal CLI, in this order: TEMPORAL_CLI_PATH, `temporal` on the PATH, our cache in the
 * user's cache folder, the download of Temporal's own SDK, a build by `go install` (some minutes, once).
 */
export async function findTemporalBinary(options: TemporalBinaryOptions): Promise<string> {
  const env = options.env ?? process.env;
  const present = locateTemporalBinary(env);
  if (present !== undefined) return present;
  const note = options.note ?? ((): void => {});
  const target = cachedTemporalBinary(env);
  note("the Temporal SDK to download the server");
  if (await download(options.processes, target, env)) return target;
  note("go install to build the server (3-4 minutes, this once)");
  await buildTemporal(options.processes, target, env, note);
  return target;
}

/** The part of the search that needs no network; undefined when nothing is there. */
export function locateTemporalBinary(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const wished = env["TEMPORAL_CLI_PATH"];
  if (wished !== undefined && wished !== "") {
    if (isExecutable(wished)) return wished;
    throw new StackError(`TEMPORAL_CLI_PATH=${wished} is not an executable file`, {
      tryThis: "unset TEMPORAL_CLI_PATH, and the Temporal server is found or installed by itself",
    });
  }
  return [onPath("temporal", env), cachedTemporalBinary(env)].find(
    (path) => path !== undefined && isExecutable(path) && works(path),
  );
}

/** Where we keep a binary that we downloaded or built: shared by all clones of this user. */
export function cachedTemporalBinary(env: NodeJS.ProcessEnv = process.env): string {
  const given = env["XDG_CACHE_HOME"];
  const cache =
    given === undefined || given === "" ? join(env["HOME"] ?? homedir(), ".cache") : given;
  return join(cache, "meeting-auction", "bin", "temporal");
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Something else may be called "temporal", and a file may be for another machine. */
function works(path: string): boolean {
  return (
    spawnSync(path, ["--version"], { encoding: "utf8" }).stdout?.startsWith("temporal version") ??
    false
  );
}

/** The SDK downloads the server when a test environment starts; a short-lived process lets it do so. */
async function download(
  processes: Processes,
  target: string,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  const folder = `${target}.download-${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    const downloading = processes.spawn({
      name: "temporal-download",
      command: process.execPath,
      args: [fileURLToPath(new URL("temporal-download.ts", import.meta.url)), folder],
      env,
    });
    const timer = setTimeout(() => downloading.kill("SIGKILL"), DOWNLOAD_TIMEOUT_MS);
    const { code } = await downloading.exited;
    clearTimeout(timer);
    const file = readdirSync(folder).find(
      (name) => isExecutable(join(folder, name)) && works(join(folder, name)),
    );
    if (code !== 0 || file === undefined) return false;
    renameSync(join(folder, file), target);
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds the server with `go install` and puts it where locateTemporalBinary looks. */
export async function buildTemporal(
  processes: Processes,
  target: string,
  env: NodeJS.ProcessEnv,
  note: (text: string) => void = () => {},
): Promise<void> {
  const go = onPath("go", env);
  if (go === undefined) {
    throw new StackError(
      "the Temporal server is not installed, its download failed, and there is no Go to build it",
      {
        tryThis:
          "install the Temporal CLI (https://docs.temporal.io/cli) or Go (https://go.dev/dl), then run this again",
      },
    );
  }
  const folder = `${target}.build-${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    const building = processes.spawn({
      name: "temporal-build",
      command: go,
      args: ["install", GO_PACKAGE],
      env: { ...env, GOBIN: folder },
      cwd: folder,
    });
    const startMs = performance.now();
    const timer = setInterval(() => {
      const elapsedS = Math.round((performance.now() - startMs) / 1000);
      note(
        `go install to build the server: ${elapsedS} s so far (3-4 minutes, this once; log ${building.logFile})`,
      );
    }, 15_000);
    const { code } = await building.exited;
    clearInterval(timer);
    if (code !== 0) {
      throw new StackError("go install could not build the Temporal server", {
        logFile: building.logFile,
        tryThis: "install the Temporal CLI (https://docs.temporal.io/cli), then run this again",
      });
    }
    renameSync(join(folder, "temporal"), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
