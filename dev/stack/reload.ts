import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import { failureBlock } from "./errors.ts";
import { runMigrations } from "./parts.ts";
import { repositoryRoot } from "./paths.ts";
import type { Stack } from "./stack.ts";

const FOLDERS = ["src", "migrations", "contracts/lit", "contracts/artifacts"];
/** An editor saves in several steps, and a checkout changes many files. */
const QUIET_MS = 150;

/** Restarts the API and the worker when their sources change; migrates first when migrations did. */
export function reloadOnChange(stack: Stack, print: (line: string) => void): void {
  const { app } = stack;
  if (app === undefined) return;
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let busy = Promise.resolve();

  async function reload(): Promise<void> {
    const files = [...changed];
    changed.clear();
    if (files.length === 0) return;
    const startMs = performance.now();
    print(
      `  ↻ ${files.slice(0, 3).join(", ")}${files.length > 3 ? ` and ${files.length - 3} more` : ""}`,
    );
    try {
      if (files.some((file) => file.startsWith("migrations")))
        await runMigrations(stack.processes, stack.urls.postgres);
      await Promise.all([app?.restart("api"), app?.restart("worker")]);
      print(`  ✓ reloaded in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    } catch (error) {
      print(`  ✗ ${failureBlock(error, { advice: false })}`);
    }
  }

  for (const folder of FOLDERS.filter((name) => existsSync(join(repositoryRoot, name)))) {
    watch(join(repositoryRoot, folder), { recursive: true }, (_event, file) => {
      if (file === null || !/\.(ts|js|json)$/.test(file)) return;
      changed.add(join(folder, file));
      clearTimeout(timer);
      timer = setTimeout(() => {
        busy = busy.then(reload);
      }, QUIET_MS);
    });
  }
}
