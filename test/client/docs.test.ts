// The code of docs/frontend.md, of the README and of the client's README as it stands, in a package of its own as a consumer has it, against
// everything that npm run dev starts.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { JsonRpcProvider } from "ethers";
import { demoUsers } from "../../dev/stack/demo-users.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import type { Stack } from "../../dev/stack/stack.ts";
import { waitFor } from "../../dev/stack/wait.ts";
import { startStackForTest } from "../process/support.ts";
import { latestTimestamp, mine } from "../support/anvil.ts";
import { isSoak } from "../support/random.ts";

// Only a hang takes as long: the machine may be busy with other programs.
const HANG_MS = 5 * 60_000;
jest.setTimeout(15 * 60_000);

/**
 * In npm test the walk's auction ends when the test says so (`moveChain`), and its meeting begins with that end and lasts:
 * nothing then depends on how fast the machine is. The soak runs the page's own times, in real time.
 */
const TIMES = [
  ["endTime: nowS + 20,", "endTime: nowS + 10,"],
  ["meetingStart: nowS + 25,", "meetingStart: nowS + 10,"],
  ["meetingDurationS: 40,", "meetingDurationS: 1_800,"],
] as const;
const AUCTION_S = 10;

let folder: string;
let stack: Stack;

/** What the published client needs, and what its consumers here need beside. */
const PACKAGES = ["openapi-fetch", "socket.io-client", "ethers", "@types"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-docs-"));
  const modules = join(folder, "node_modules");
  const client = join(modules, "meeting-auction-client");
  mkdirSync(client, { recursive: true });
  for (const name of PACKAGES)
    symlinkSync(join(repositoryRoot, "node_modules", name), join(modules, name));
  copyFileSync(join(repositoryRoot, "client/package.json"), join(client, "package.json"));
  run("tsc", ["--project", join(repositoryRoot, "client"), "--outDir", join(client, "dist")]);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2024",
        module: "nodenext",
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types: ["node"],
      },
    }),
  );
  for (const [name, page] of [
    ["frontend", "docs/frontend.md"],
    ["readme", "README.md"],
    ["client-readme", "client/README.md"],
  ] as const)
    writeFileSync(join(folder, `${name}.ts`), name === "frontend" ? walkCode() : codeOf(page));
  const env = isSoak ? {} : { MEETING_MIN_TOGETHER_S: "1" };
  stack = await startStackForTest({ dataDir: join(folder, "data"), ports: "free", env });
});

afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The TypeScript of a page, in its order. */
function codeOf(page: string): string {
  const text = readFileSync(join(repositoryRoot, page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join("\n");
}

function walkCode(): string {
  const code = codeOf("docs/frontend.md");
  if (isSoak) return code;
  return TIMES.reduce((text, [given, here]) => {
    if (text.split(given).length !== 2) throw new Error(`docs/frontend.md no longer has ${given}`);
    return text.replace(given, here);
  }, code);
}

/** Has the chain make a block for each transaction, a second after the one before; `go` moves it to the end and back to real time. */
async function moveChain(): Promise<{ go(): Promise<void> }> {
  const chain = new JsonRpcProvider(stack.urls.chain, undefined, { staticNetwork: true });
  await chain.send("evm_setIntervalMining", [0]);
  await chain.send("anvil_setBlockTimestampInterval", [1]);
  await chain.send("evm_setAutomine", [true]);
  return {
    async go() {
      await chain.send("evm_setAutomine", [false]);
      await mine(chain, AUCTION_S);
      await chain.send("anvil_removeBlockTimestampInterval", []);
      const nowS = Math.floor(Date.now() / 1_000);
      await chain.send("anvil_setTime", [Math.max(nowS, await latestTimestamp(chain))]);
      await chain.send("evm_setIntervalMining", [1]);
      chain.destroy();
    },
  };
}

/** Waits until so many sockets are connected to the API. */
async function connected(count: number): Promise<void> {
  await waitFor(
    async () => {
      const metrics = await (await fetch(stack.urls.apiMetrics)).text();
      return Number(/^sockets_connected (\d+)$/m.exec(metrics)?.[1] ?? 0) >= count;
    },
    { what: `${count} sockets to be connected`, timeoutMs: HANG_MS },
  );
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout } = spawnSync(
    join(repositoryRoot, "node_modules/.bin", command),
    [...args],
    { cwd: folder, encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } },
  );
  if (status !== 0) throw new Error(stdout);
}

/** Starts a page's program. */
function start(name: string, env: Record<string, string> = {}) {
  const { api, chain, para, jitsi } = stack.urls;
  const child = spawn(process.execPath, [join(folder, `${name}.ts`)], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      API_URL: api,
      CHAIN_URL: chain,
      PARA_URL: para,
      JITSI_URL: jitsi,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, exited, output: () => output };
}

test("the programs of the pages are typed", () => {
  run("tsc", ["--project", folder]);
});

test("the walk from login to the room goes as docs/frontend.md says, and the programs of the READMEs hear of it", async () => {
  const [alice] = await demoUsers(stack);
  const listeners = ["readme", "client-readme"].map((page) =>
    start(page, { TOKEN: alice?.token ?? "" }),
  );
  await connected(listeners.length);
  const chain = isSoak ? undefined : await moveChain();
  const walk = start("frontend");
  let ended = false;
  void walk.exited.then(() => (ended = true));
  await waitFor(() => ended || / bids \d+ wei$/m.test(walk.output()), {
    what: "the bid of the walk",
    timeoutMs: HANG_MS,
  });
  await chain?.go();
  const code = await walk.exited;
  // What it said is the best message when something went wrong.
  if (code !== 0)
    throw new Error(`${walk.output()}\n${listeners.map((one) => one.output()).join("\n")}`);
  const said = walk.output();
  expect(said).toMatch(/^0x[0-9a-fA-F]{40} bids 100000000000000000 wei$/m);
  expect(said).toMatch(/^won$/m);
  expect(said).toMatch(/^You won “Strategy hour”\. /m);
  expect(said).toMatch(/^the host may enter until /m);
  expect(said).toMatch(/^the winner may enter until /m);
  expect(said).toMatch(
    /^404 meeting_not_found: change, see .*\/docs\/problems\/meeting_not_found$/m,
  );
  expect(said).toMatch(/^extended to \d{4}-/m);
  expect(said).toMatch(/^held: 97500000000000000 wei for the host$/m);
  expect(said).toMatch(/^The bid is too low: at least 0\.11 ETH are needed now\.$/m);
  expect(said).toMatch(/^withdrawn: 97500000000000000 wei$/m);
  expect(said).toMatch(/^read: /m);

  for (const { output, child, exited } of listeners) {
    expect(output()).toMatch(/^\S+.* 100000000000000000 wei$/m);
    child.kill();
    await exited;
  }
});

test("the line for operators that npm run dev prints asks the doctor, who finds nothing wrong", async () => {
  const command = `env $(cat ops.env) "${process.execPath}" "${join(repositoryRoot, "src/ops/main.ts")}" doctor`;
  await waitFor(
    () => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
        cwd: stack.dataDir,
        encoding: "utf8",
        env: { PATH: process.env["PATH"] },
      });
      // What is missing is the environment's fault; a Schedule that was not due yet is not.
      expect({ stderr }).toEqual({ stderr: "" });
      return status === 0 && stdout.includes("Nothing is wrong.");
    },
    { what: "the doctor to find nothing wrong", timeoutMs: HANG_MS },
  );
});

test("a page of any local development server may call the local API, and any other may not", async () => {
  const allowed = async (origin: string): Promise<string | null> => {
    const { headers } = await fetch(`${stack.urls.api}/api/meta`, { headers: { origin } });
    return headers.get("access-control-allow-origin");
  };
  for (const origin of ["http://localhost:3000", "http://localhost:5174", "http://127.0.0.1:5173"])
    expect(await allowed(origin)).toBe(origin);
  expect(await allowed("https://elsewhere.example.org")).toBeNull();
});
