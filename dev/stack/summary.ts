import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { DemoUser } from "./demo-users.ts";
import { repositoryRoot } from "./paths.ts";
import type { Stack } from "./stack.ts";

/** The last thing a start prints: every address, and lines that work when pasted. */
export function summary(stack: Stack, users: readonly DemoUser[]): string {
  const { urls, contracts } = stack;
  const { name, version }: { name: string; version: string } = JSON.parse(
    readFileSync(join(repositoryRoot, "package.json"), "utf8"),
  );
  const rows: [string, string][] = [];
  if (stack.app !== undefined) {
    rows.push(
      ["API", `${urls.api}   docs ${urls.api}/docs   openapi ${urls.api}/api/openapi.json`],
      ["Realtime", `${urls.api.replace("http", "ws")}/socket.io`],
      ["Metrics", `API ${urls.apiMetrics}   worker ${urls.workerMetrics}`],
    );
  }
  rows.push(
    [
      "Temporal",
      `${urls.temporal}${urls.temporalUi === undefined ? "" : `   Web UI ${urls.temporalUi}`}`,
    ],
    ["Postgres", urls.postgres],
    ["Chain", `${urls.chain}   chain id ${contracts.chainId}`],
    ["Contracts", `auction ${contracts.auctionAddress}   pass ${contracts.passAddress}`],
    ["Sandboxes", `Para ${urls.para}   Lit ${urls.lit}   Jitsi ${urls.jitsi}`],
    ["Logs", relative(process.cwd(), stack.processes.logDir)],
  );
  const [first] = users;
  if (first !== undefined) {
    for (const user of users)
      rows.push([user === first ? "Demo users" : "", `${user.name.toUpperCase()}=${user.token}`]);
    rows.push([
      "Try",
      `curl -H "authorization: Bearer ${first.token}" ${urls.api}/api/auth/verify`,
    ]);
  }
  const seconds = (stack.readyMs / 1000).toFixed(1);
  const folder = relative(process.cwd(), stack.dataDir) || stack.dataDir;
  const title = `${name} ${version}   ready in ${seconds} s   (data in ${folder}, its keys are for development only)`;
  return ["", title, ...rows.map(([label, text]) => `  ${label.padEnd(11)} ${text}`), ""].join(
    "\n",
  );
}
