// What the launchers print fits into a terminal of 80 columns.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type Check, table } from "../../dev/demo/verify.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import type { Stack } from "../../dev/stack/stack.ts";
import { summary } from "../../dev/stack/summary.ts";

const tooLong = (text: string): string[] => text.split("\n").filter((line) => line.length > 80);

test("--help says what there is, starts nothing and is no failure", () => {
  for (const launcher of ["dev/dev.ts", "dev/demo/main.ts"]) {
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(repositoryRoot, launcher), "--help"],
      { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "", NO_DEPRECATION: "*" } },
    );
    expect({ launcher, status }).toEqual({ launcher, status: 0 });
    for (const flag of ["--once", "--fresh", "--data-dir DIR", "--free-ports", "--anvil-port N"])
      expect(stdout).toContain(`  ${flag} `);
    expect(tooLong(stdout)).toEqual([]);
  }
});

test("the summary fits, with its people and what to paste", () => {
  const local = "http://127.0.0.1:54321";
  const address = `0x${"aB".repeat(20)}`;
  const dataDir = join(process.cwd(), ".dev");
  const stack = {
    dataDir,
    readyMs: 8_000,
    app: {},
    contracts: { chainId: 31_337, auctionAddress: address, passAddress: address },
    processes: { logDir: join(dataDir, "logs") },
    urls: {
      api: local,
      chain: local,
      para: local,
      lit: local,
      jitsi: local,
      temporalUi: local,
      apiMetrics: `${local}/metrics`,
      workerMetrics: `${local}/metrics`,
      temporal: "127.0.0.1:54321",
      postgres: "postgres://app:app@127.0.0.1:54321/app",
    },
  } as unknown as Stack;
  const alice = {
    name: "alice",
    email: "alice@example.org",
    address,
    privateKey: "0xsecret",
    token: "the-token",
    tokenFile: join(dataDir, "people/alice.token"),
  };
  const text = summary(stack, [alice]);
  expect(tooLong(text)).toEqual([]);
  expect(text).toContain('curl -H "authorization: Bearer $(cat .dev/people/alice.token)"');
  expect(text).toContain("env $(cat .dev/ops.env) npm run ops -- doctor");
  expect(text).not.toMatch(/the-token|0xsecret/);
});

test("what was verified is told in full, in one line or two", () => {
  const long: Check = {
    where: "chain",
    what: "auction 12 (bidding war) ended in the first block that allowed it",
    ok: true,
    seen: "end 1795500000, blocks at 1795499999 and 1795500000",
  };
  const short: Check = { where: "socket", what: "short", ok: false, seen: "nothing" };
  const lines = table([long, short], 80).split("\n");
  expect(lines.length).toBe(4);
  expect(tooLong(lines.join("\n"))).toEqual([]);
  expect(lines[1]?.trim()).toBe(long.seen);
  expect(table([long, short], 200).split("\n").length).toBe(2);
});
