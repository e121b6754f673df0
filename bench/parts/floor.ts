// Bare servers as processes: what is measured against.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BenchContext } from "../bench.ts";

/** Starts a file of this folder that tells its parent its port. It ends with the benchmark. */
export async function startFloor(
  context: BenchContext,
  file: string,
  args: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  context.atEnd(() => void child.kill("SIGKILL"));
  const { port } = await new Promise<{ port: number }>((resolve, reject) => {
    child.once("message", (message) => resolve(message as { port: number }));
    child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return { child, port };
}
