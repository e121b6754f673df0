// Every container's command line as docker-compose.yml has it, in a folder that holds what the image holds, against the local
// stack: the roles split over three processes, and an auction that needs all of them.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startParts, until } from "../process/support.ts";
import { composeServices } from "./compose.ts";
import { type Image, layOutImage } from "./image.ts";
import { testWith } from "./tools.ts";

let parts: Awaited<ReturnType<typeof startParts>>;
let folder: string;
let image: Image;
const running: ReturnType<typeof start>[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-image-"));
  [parts, image] = await Promise.all([startParts(), layOutImage(join(folder, "app"))]);
}, 240_000);
afterAll(async () => {
  for (const one of running) one.child.kill("SIGKILL");
  await parts.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs what the image runs, with these arguments, the image's environment and then these variables. */
function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const [command = "", ...before] = image.entrypoint;
  const child = spawn(command === "node" ? process.execPath : command, [...before, ...args], {
    cwd: image.folder,
    env: { PATH: process.env["PATH"], ...image.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, exited, output: () => output };
}

testWith("docker-compose")(
  "migrations, API, worker and chain worker run as the containers do, and stop when asked to",
  async () => {
    const { env } = parts.stack;
    const services = await composeServices({
      ...env,
      NODE_ENV: "production",
      ...Object.fromEntries(
        ["POSTGRES", "TEMPORAL_DB", "API_DB", "WORKER_DB", "CHAIN_WORKER_DB", "OPERATOR_DB"].map(
          (of) => [`${of}_PASSWORD`, `pw${of}`],
        ),
      ),
    });
    const ports = await freePorts();
    const metricsPorts = {
      api: ports.apiMetrics,
      worker: ports.workerMetrics,
      "chain-worker": ports.anvil,
    };
    /** The database that the container's URL means, as whom it says; the owner here is another. */
    const databaseUrl = (name: string): string => {
      const url = new URL(`${env["DATABASE_URL"]}?sslmode=disable`);
      if (name === "migrate") return url.href;
      const { username, password } = new URL(services[name]?.environment?.["DATABASE_URL"] ?? "");
      return Object.assign(url, { username, password }).href;
    };
    const environmentOf = (name: string): Record<string, string> => ({
      ...services[name]?.environment,
      // The names that only the network of the containers knows.
      DATABASE_URL: databaseUrl(name),
      ...(name === "migrate" ? {} : { TEMPORAL_ADDRESS: env["TEMPORAL_ADDRESS"] ?? "" }),
    });

    const migration = start(services["migrate"]?.command ?? [], environmentOf("migrate"));
    running.push(migration);
    expect([await migration.exited, migration.output()]).toEqual([
      0,
      "auction_api may log in\nauction_worker may log in\nchain_worker may log in\noperator may log in\nthe schema is up to date\n",
    ]);

    const roles = (["api", "worker", "chain-worker"] as const).map((name) => {
      const own = { METRICS_PORT: String(metricsPorts[name]), METRICS_HOST: "127.0.0.1" };
      const extra = name === "api" ? { PORT: String(ports.api), HOST: "127.0.0.1" } : {};
      const process = start(services[name]?.command ?? [], {
        ...environmentOf(name),
        ...own,
        ...extra,
      });
      running.push(process);
      return { name, own, process };
    });
    for (const { name, own, process } of roles) {
      const healthy = async (): Promise<boolean> => {
        const [, ...check] = image.healthcheck;
        return (await start(check, own).exited) === 0;
      };
      let ended: number | null | undefined;
      void process.exited.then((code) => (ended = code));
      await until(async () => {
        if (ended !== undefined)
          throw new Error(`${name} ended with ${ended}:\n${process.output()}`);
        return healthy();
      });
    }
    // Nothing was written beside the output: the root is read-only.
    expect(existsSync(join(image.folder, "logs"))).toBe(false);
    for (const { name, process } of roles) {
      process.child.kill("SIGTERM");
      expect([name, await process.exited]).toEqual([name, 0]);
    }
    const [api, worker, chain] = roles.map((one) => one.process.output());
    expect(api).toContain("the API is listening");
    expect(worker).not.toContain("the wallets are served");
    expect(chain).toContain("the wallets are served");
  },
  180_000,
);

test("the image's user is a number that is not root", () => {
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

test("what npm runs after an installation is there when the image installs", () => {
  const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const hooks = ["preinstall", "install", "postinstall", "prepare"].map((name) => scripts[name]);
  const files = hooks.flatMap((hook) => hook?.match(/\S+\.m?[jt]s/g) ?? []);
  expect(files).not.toEqual([]);
  const dockerfile = readFileSync(join(repositoryRoot, "Dockerfile"), "utf8");
  const before = dockerfile.slice(0, dockerfile.indexOf("RUN npm ci"));
  for (const file of files) expect(before).toContain(`COPY ${file} `);
});
