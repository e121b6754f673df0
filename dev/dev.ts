// `npm run dev`: the whole system on this machine, restarted when sources change.
//   --fresh        wipes the data of the stack first
//   --free-ports   takes any free ports; --<part>-port N chooses one (dev/stack/ports.ts)
//   --data-dir D   keeps data and logs in D instead of .dev
//   --no-app       leaves out the API and the worker
//   --once         stops again as soon as everything is ready (a smoke test)
import { demoUsers } from "./stack/demo-users.ts";
import type { DemoUser } from "./stack/demo-users.ts";
import { stackFlags } from "./stack/flags.ts";
import { createProgress, printFailure } from "./stack/progress.ts";
import { reloadOnChange } from "./stack/reload.ts";
import { stopOnSignals } from "./stack/signals.ts";
import { prepareStack } from "./stack/stack.ts";
import type { Stack } from "./stack/stack.ts";
import { summary } from "./stack/summary.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function logInUsers(stack: Stack): Promise<DemoUser[]> {
  if (stack.app === undefined) return [];
  try {
    return await demoUsers(stack.urls);
  } catch (error) {
    print(`  (no demo users: ${error instanceof Error ? error.message : String(error)})`);
    return [];
  }
}

async function main(): Promise<void> {
  const { options, values } = stackFlags(process.argv.slice(2), {
    once: { type: "boolean" },
    "no-app": { type: "boolean" },
  });
  const progress = createProgress();
  const prepared = prepareStack({ ...options, app: values["no-app"] !== true, progress });
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    print("\nstopping (again to force)");
    await prepared.stop();
    print("stopped");
  };
  stopOnSignals({ stop, force: prepared.kill });
  try {
    const stack = await prepared.start();
    print(summary(stack, await logInUsers(stack)));
    if (values["once"] === true) {
      await prepared.stop();
      process.exit(0);
    }
    reloadOnChange(stack, print);
    print("Ctrl-C stops everything. Changes under src/ restart the API and the worker.");
  } catch (error) {
    if (!stopping) throw error;
  }
}

main().catch((error: unknown) => {
  printFailure(error);
  process.exit(1);
});
