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
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { demoUsers } from "../../dev/stack/demo-users.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { type Stack, startStack } from "../../dev/stack/stack.ts";
import { waitFor } from "../../dev/stack/wait.ts";

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
    writeFileSync(join(folder, `${name}.ts`), codeOf(page));
  stack = await startStack({ dataDir: join(folder, "data"), ports: "free" });
}, 180_000);

afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The TypeScript of a page, in its order. */
function codeOf(page: string): string {
  const text = readFileSync(join(repositoryRoot, page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join("\n");
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
  const walk = start("frontend");
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
  expect(said).toMatch(/^held: the host is paid 97500000000000000 wei$/m);
  expect(said).toMatch(/^read: /m);

  for (const { output, child, exited } of listeners) {
    expect(output()).toMatch(/^\S+.* 100000000000000000 wei$/m);
    child.kill();
    await exited;
  }
}, 200_000);

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
    { what: "the doctor to find nothing wrong", timeoutMs: 120_000 },
  );
}, 150_000);

test("a page of the usual development servers may call the local API, and any other may not", async () => {
  const allowed = async (origin: string): Promise<string | null> => {
    const { headers } = await fetch(`${stack.urls.api}/api/meta`, { headers: { origin } });
    return headers.get("access-control-allow-origin");
  };
  for (const origin of ["http://localhost:3000", "http://localhost:5173"])
    expect(await allowed(origin)).toBe(origin);
  expect(await allowed("https://elsewhere.example.org")).toBeNull();
});
