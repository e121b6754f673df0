import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { DemoUser } from "./demo-users.ts";
import { OPERATOR_FILE } from "./parts.ts";
import { repositoryRoot } from "./paths.ts";
import type { Stack } from "./stack.ts";

/** A path as one would type it here. */
const here = (path: string): string => relative(process.cwd(), path) || path;

/** The last thing a start prints: every address, and lines that work when pasted. Fits into 80 columns. */
export function summary(stack: Stack, users: readonly DemoUser[]): string {
  const { urls, contracts } = stack;
  const { name, version }: { name: string; version: string } = JSON.parse(
    readFileSync(join(repositoryRoot, "package.json"), "utf8"),
  );
  const rows: [string, ...string[]][] = [];
  if (stack.app !== undefined) {
    rows.push(
      ["API", `${urls.api}   docs ${urls.api}/docs`, `openapi ${urls.api}/api/openapi.json`],
      ["Realtime", `${urls.api.replace("http", "ws")}/socket.io`],
      ["Metrics", `API ${urls.apiMetrics}`, `worker ${urls.workerMetrics}`],
    );
  }
  rows.push(
    [
      "Temporal",
      `${urls.temporal}${urls.temporalUi === undefined ? "" : `   Web UI ${urls.temporalUi}`}`,
    ],
    ["Postgres", urls.postgres],
    ["Chain", `${urls.chain}   chain id ${contracts.chainId}`],
    ["Contracts", `auction ${contracts.auctionAddress}`, `pass    ${contracts.passAddress}`],
    ["Sandboxes", `Para ${urls.para}   Lit ${urls.lit}`, `Jitsi ${urls.jitsi}`],
    ["Logs", here(stack.processes.logDir)],
  );
  const [first] = users;
  if (first !== undefined) {
    const folder = here(join(stack.dataDir, "people"));
    rows.push(
      [
        "Demo users",
        ...users.map((user) => `${user.name.padEnd(6)} ${user.address}`),
        `logged in, with ether; keys and tokens in ${folder}`,
      ],
      [
        "Try",
        `curl -H "authorization: Bearer $(cat ${here(first.tokenFile)})" \\`,
        `  ${urls.api}/api/auth/verify`,
        `env $(cat ${here(join(stack.dataDir, OPERATOR_FILE))}) npm run ops -- doctor`,
      ],
    );
  }
  const seconds = (stack.readyMs / 1000).toFixed(1);
  return [
    "",
    `${name} ${version}   ready in ${seconds} s`,
    `  data in ${here(stack.dataDir)}, its keys are for development only`,
    ...rows.flatMap(([label, ...lines]) =>
      lines.map((line, n) => `  ${(n === 0 ? label : "").padEnd(11)} ${line}`),
    ),
    "",
  ].join("\n");
}
