import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";

/**
 * Runs `npm ci` when node_modules is missing or older than package-lock.json. With `productOnly` it
 * installs without development packages, and leaves packages that are there as they are: in
 * production the image decides.
 */
export async function installIfNeeded(root, { productOnly }) {
  const modules = join(root, "node_modules");
  if (productOnly && existsSync(modules)) return;
  const stamp = join(modules, ".install-stamp");
  const wanted = stampOf(root);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  if (installedByHand(root)) return writeStamp(stamp, wanted);
  refuseLink(modules);
  await npmCi(root, productOnly ? ["ci", "--omit=dev"] : ["ci"]);
  writeStamp(stamp, wanted);
}

/** `npm ci` empties what a link points to, and puts the packages beside it: another checkout would lose its own. */
function refuseLink(modules) {
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  process.stderr.write(
    `${modules} is a link to ${readlinkSync(modules)}, which holds other packages than package-lock.json names.\n\n  Try: npm ci there, or remove the link\n`,
  );
  process.exit(1);
}

/** What decides which packages are installed; the scripts of package.json do not. */
function stampOf(root) {
  const { dependencies, devDependencies, overrides } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const hash = createHash("sha256").update(readFileSync(join(root, "package-lock.json")));
  return hash.update(JSON.stringify([dependencies, devDependencies, overrides])).digest("hex");
}

/** npm leaves a record of what it installed; someone ran it since package-lock.json changed. */
function installedByHand(root) {
  const record = join(root, "node_modules/.package-lock.json");
  return (
    existsSync(record) &&
    statSync(record).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs
  );
}

function writeStamp(stamp, text) {
  try {
    writeFileSync(stamp, text);
  } catch {
    // a read-only installation is as good as a stamped one
  }
}

async function npmCi(root, args) {
  const logFile = join(root, ".dev/logs/install.log");
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "w");
  const startMs = performance.now();
  const elapsed = () => `${Math.round((performance.now() - startMs) / 1000)} s`;
  process.stdout.write(
    `Installing the packages with npm ${args.join(" ")} (once, 1-3 minutes; log: ${logFile})\n`,
  );
  const live = process.stdout.isTTY && process.env.CI === undefined;
  const ticker = setInterval(
    () => process.stdout.write(live ? `\r  … ${elapsed()}` : `  … ${elapsed()}\n`),
    live ? 1000 : 10_000,
  );
  const [file, ...before] = npmCommand();
  const npm = spawn(file, [...before, ...args, "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", log, log],
    env: cleanEnvironment(root),
  });
  const forward = (signal) => npm.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
  const outcome = await new Promise((resolve) => {
    npm.once("error", (error) => resolve(error.message));
    npm.once("exit", (code, signal) => resolve(signal ?? code));
  });
  clearInterval(ticker);
  closeSync(log);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, forward);
  if (outcome === 0) {
    process.stdout.write(`${live ? "\r" : ""}  ✓ installed in ${elapsed()}\n`);
    return;
  }
  if (typeof outcome === "string" && outcome.startsWith("SIG")) process.exit(130);
  const tail = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-20);
  process.stderr.write(
    `\nnpm ${args.join(" ")} failed (${outcome})\n\n  last lines of ${logFile}\n${tail.map((line) => `  | ${line}\n`).join("")}\n  Try: npm ci   (needs the network and about 2 GB of disk)\n`,
  );
  process.exit(1);
}

/** The npm that runs us, with the Node it runs on: neither lives in the node_modules it replaces. */
function npmCommand() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  const own = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm) && existsSync(npm);
  return own && node !== undefined && existsSync(node) ? [node, npm] : ["npm"];
}

/** Without node_modules/.bin on the PATH, whose `node` is about to be deleted, and without npm's own settings for us. */
function cleanEnvironment(root) {
  const bin = join(root, "node_modules/.bin");
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== bin);
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(lifecycle|package|command)/.test(name),
  );
  // NODE_ENV=production would leave the development packages out.
  return { ...Object.fromEntries(kept), PATH: folders.join(delimiter), NODE_ENV: "" };
}
