import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { filesWithSecrets } from "../support/logs.ts";

/** Every file below a folder. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

test("the demo tells its whole story, everything is verified, and no secret is in any log", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-demo-"));
  try {
    const demo = spawn(
      process.execPath,
      [join(repositoryRoot, "dev/demo/main.ts"), "--once", "--free-ports", "--data-dir", folder],
      {
        cwd: repositoryRoot,
        env: { ...process.env, CI: "true", LOG_LEVEL: "debug" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let output = "";
    demo.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    demo.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => demo.once("exit", resolve));
    // The whole story is the best message when something is wrong with it.
    if (code !== 0) throw new Error(output);
    expect(output).toMatch(/^(\d{2,}) verified, 0 failed$/m);

    const state = JSON.parse(readFileSync(join(folder, "stack.json"), "utf8")) as Record<
      string,
      unknown
    >;
    const secrets = [
      ...["jwtSecret", "encryptionKey", "jitsiSecret", "jitsiIntegrationSecret"]
        .map((name) => String(state[name]))
        .filter((one) => one !== "undefined"),
      ...anvilAccounts(10).map((one) => one.privateKey),
      ...anvilAccounts(10).map((one) => one.privateKey.slice(2)),
    ];
    expect(secrets.length).toBeGreaterThan(10);
    // The product's own logs; anvil prints its well-known keys itself.
    const logs = filesBelow(join(folder, "logs")).filter((file) => !file.endsWith("anvil.log"));
    expect(logs.map((file) => file.slice(folder.length))).toEqual(
      expect.arrayContaining([
        expect.stringContaining("combined.log"),
        expect.stringContaining("error.log"),
        expect.stringContaining("worker.log"),
      ]),
    );
    const anvils = (file: string): boolean => file.endsWith("anvil.log");
    expect(filesWithSecrets(join(folder, "logs"), secrets, anvils)).toEqual([]);
    const lines = readFileSync(logs.find((file) => file.endsWith("combined.log")) ?? "", "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.some((line) => typeof line["requestId"] === "string")).toBe(true);
    expect(
      lines.some(
        (line) => typeof line["workflowId"] === "string" && typeof line["auctionId"] === "string",
      ),
    ).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 900_000);
