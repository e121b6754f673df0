// `npm run dev`: the whole system on this machine, restarted when sources change.
import { demoUsers } from "./stack/demo-users.ts";
import type { DemoUser } from "./stack/demo-users.ts";
import { launch, print } from "./stack/launch.ts";
import { reloadOnChange } from "./stack/reload.ts";
import type { Stack } from "./stack/stack.ts";
import { summary } from "./stack/summary.ts";

async function logInUsers(stack: Stack): Promise<DemoUser[]> {
  if (stack.app === undefined) return [];
  try {
    return await demoUsers(stack);
  } catch (error) {
    print(`  (no demo users: ${error instanceof Error ? error.message : String(error)})`);
    return [];
  }
}

const USAGE = {
  title: "npm run dev: the whole system on this machine, restarted when sources change",
  flags: {
    "--no-app": "leave out the API and the worker",
    "--once": "stop again as soon as everything is ready",
  },
};

await launch({
  usage: USAGE,
  flags: { once: { type: "boolean" }, "no-app": { type: "boolean" } },
  options: (given, values) => ({ ...given, app: values["no-app"] !== true }),
  async run(stack, values) {
    print(summary(stack, await logInUsers(stack)));
    if (values["once"] === true) return 0;
    reloadOnChange(stack, print);
    print("Ctrl-C stops everything. Changes under src/ restart the API and the worker.");
    return undefined;
  },
});
