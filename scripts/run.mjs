// The bootstrap behind every npm script: `node scripts/run.mjs <command> [arguments]`. Plain JavaScript
// without dependencies, for Node 20 and later. It installs the packages when they are missing or older
// than package-lock.json, then runs the command's TypeScript with Node 24: the one in node_modules, or
// the machine's own. The npm scripts begin with "exec": a shell in between would swallow the signals
// that npm passes on.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installIfNeeded } from "./install.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Type stripping is stable from here on. */
const OLDEST_NODE = [24, 12];

/** `product: true`: runs where only the product is installed, against the services that .env or the environment name. */
const COMMANDS = {
  demo: { target: "dev/demo/main.ts" },
  dev: { target: "dev/dev.ts" },
  test: { target: "scripts/test.ts" },
  "test:soak": { target: "scripts/soak.ts" },
  start: { target: "src/main.ts", product: true },
  migrate: { target: "scripts/migrate.ts", product: true },
  cron: { target: "src/cron.ts", product: true },
  simulate: { target: "test/simulation/main.ts" },
  bench: { target: "bench/main.ts" },
  contracts: { target: "contracts/build.ts" },
  deploy: { target: "scripts/deploy.ts" },
  openapi: { target: "scripts/openapi.ts" },
  reindex: { target: "src/reindex.ts", product: true },
  ops: { target: "src/ops/main.ts", product: true },
  replay: { target: "src/replay.ts", product: true },
  codec: { target: "src/codec-server.ts", product: true },
  "rotate-keys": { target: "src/rotate-keys.ts", product: true },
};

function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

/** Node 24 from the packages if they hold it, else the one that runs this. */
function findNode() {
  const packaged = join(root, "node_modules/node/bin/node");
  if (existsSync(packaged)) return packaged;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]))
    return process.execPath;
  return fail(
    `This needs Node ${OLDEST_NODE.join(".")} or later; this is ${process.versions.node}, and node_modules holds no newer one.\n\n  Try: npm ci   (it installs Node 24 beside the other packages)`,
  );
}

/**
 * The npm that runs us, seen through the shell it put between. A killed npm tells nobody, and the shell
 * waits on; so the launchers of the local stack look whether it is still there.
 */
function npmProcess() {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  try {
    const ps = ["-o", "ppid=,comm=", "-p", String(process.ppid)];
    const [, grandparent, program] = /^\s*(\d+)\s+(.*)$/.exec(
      execFileSync("ps", ps, { encoding: "utf8" }).trim(),
    );
    return program.endsWith("sh") ? Number(grandparent) : process.ppid;
  } catch {
    return undefined;
  }
}

/** Replaces this process where Node can do that, so that signals and the exit code are the command's own. */
async function run(node, args) {
  const env = { ...process.env };
  // A launcher of the local stack ends when its parent changes from the first process named here, or
  // when the second is gone (dev/stack/signals.ts).
  delete env.MEETING_AUCTION_PARENT;
  // The Lit SDK uses names that it has itself deprecated, and would say so at each start.
  env.NO_DEPRECATION ??= "*";
  const npm = command.product === true ? undefined : npmProcess();
  // Compiled modules are kept between starts: the vendors' SDKs load in two thirds of the time.
  if (command.product !== true)
    env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/compiled");
  if (typeof process.execve === "function") {
    if (npm !== undefined) env.MEETING_AUCTION_PARENT = `${process.ppid} ${npm}`;
    process.removeAllListeners("warning");
    process.on("warning", () => {});
    process.execve(node, [node, ...args], env);
  }
  env.MEETING_AUCTION_PARENT = `${process.pid} ${npm ?? process.pid}`;
  const child = spawn(node, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A Ctrl-C in a terminal reaches the whole foreground group, the child included.
    process.on(signal, () =>
      signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal),
    );
  }
  child.once("error", (error) => fail(`${node} could not be started: ${error.message}`));
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const [name, ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined)
  fail(`Unknown command ${name ?? ""}. There are: ${Object.keys(COMMANDS).join(", ")}`);
const target = join(root, command.target);
if (!existsSync(target)) fail(`npm run ${name} has nothing to run: ${command.target} is missing.`);
await installIfNeeded(root, {
  productOnly: command.product === true && process.env.NODE_ENV === "production",
});
const envFile = join(root, ".env");
// Not --env-file-if-exists: it says on stderr that there is none.
const flags = command.product === true && existsSync(envFile) ? [`--env-file=${envFile}`] : [];
await run(findNode(), [...flags, target, ...args]);
