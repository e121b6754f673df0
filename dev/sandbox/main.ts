// Starts the sandboxes of Para, Lit and Jitsi on 127.0.0.1 and prints one JSON line with their URLs
// and what the backend has to be configured with.
// Usage: node dev/sandbox/main.ts [--para-port N] [--lit-port N] [--jitsi-port N] [--chain-rpc URL]
//   [--api-url URL] [--seed TEXT] [--para-state FILE] [--exit-on-stdin-close]
// Every flag can also be an environment variable: SANDBOX_PARA_PORT and so on. Port 0, the default,
// takes any free port. Keys depend on the seed alone, so that a restart keeps working.
import { parseArgs } from "node:util";
import { startJitsiSandbox } from "./jitsi/server.ts";
import { startLitSandbox } from "./lit/server.ts";
import { startParaSandbox } from "./para/server.ts";

const { values } = parseArgs({
  options: {
    "para-port": { type: "string" },
    "lit-port": { type: "string" },
    "jitsi-port": { type: "string" },
    "chain-rpc": { type: "string" },
    "api-url": { type: "string" },
    seed: { type: "string" },
    "para-state": { type: "string" },
    "exit-on-stdin-close": { type: "boolean" },
  },
});

function setting(flag: Exclude<keyof typeof values, "exit-on-stdin-close">): string | undefined {
  const given = values[flag] ?? process.env[`SANDBOX_${flag.toUpperCase().replaceAll("-", "_")}`];
  return given === "" ? undefined : given;
}

function port(flag: "para-port" | "lit-port" | "jitsi-port"): number {
  const number = Number(setting(flag) ?? 0);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new Error(`--${flag} must be a port`);
  return number;
}

const seed = setting("seed") ?? "meeting auction sandbox";
const stateFile = setting("para-state");
const apiUrl = setting("api-url");
const [para, lit, jitsi] = await Promise.all([
  startParaSandbox({
    port: port("para-port"),
    seed,
    ...(stateFile === undefined ? {} : { stateFile }),
  }),
  startLitSandbox({
    port: port("lit-port"),
    seed,
    chainRpcUrl: setting("chain-rpc") ?? "http://127.0.0.1:8545",
  }),
  startJitsiSandbox({
    port: port("jitsi-port"),
    seed,
    ...(apiUrl === undefined ? {} : { apiUrl }),
  }),
]);
// Addresses only: what is printed ends up in a log. Keys and secrets are given by GET /__sandbox/config.
const urls = { para: para.url, lit: lit.url, jitsi: jitsi.url };
process.stdout.write(`${JSON.stringify(urls)}\n`);

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await Promise.all([para.stop(), lit.stop(), jitsi.stop()]);
  // The end of standard input, or a signal, is the only way to get here.
  process.exitCode = 0;
  process.stdin.destroy();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
if (values["exit-on-stdin-close"] === true) {
  process.stdin.once("close", () => void stop());
  process.stdin.resume();
}
