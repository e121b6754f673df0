// The alerts and the dashboard speak of what the product measures, and each alert of what to do.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { z } from "zod";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { createApiMetrics, createMetrics } from "../../src/metrics.ts";
import { createVitalMetrics } from "../../src/vital-metrics.ts";
import { testWith } from "./tools.ts";

const folder = join(repositoryRoot, "deploy/monitoring");
const read = (path: string): string => readFileSync(join(folder, path), "utf8");

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(["page", "ticket"]) }),
          annotations: z.object({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = Rules.parse(parse(read("alerts.yml"))).groups.flatMap((group) => group.rules);

const Dashboard = z.object({
  panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).optional() })),
});
const queries = Dashboard.parse(
  JSON.parse(read("grafana/dashboards/auctions.json")),
).panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));

/** What Prometheus and the Temporal SDK give beside ours; process/start looks whether the SDK's are there. */
const OF_OTHERS = /^(up|temporal_\w+)$/;

/** Names in a query: whatever is no function, no label and no word of the language. */
function namesIn(query: string): string[] {
  const bare = query
    .replace(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, " ")
    .replace(/\b\d[\w.]*/g, " ")
    .replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  return [...bare.matchAll(/[a-z_][a-z0-9_]*(?!\w)(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !["and", "or", "unless"].includes(name));
}

async function exported(): Promise<ReadonlySet<string>> {
  const { registry } = createMetrics();
  createApiMetrics(registry);
  createVitalMetrics(
    registry,
    () => Promise.reject(new Error("no database")),
    () => undefined,
  );
  const names = (await registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
    String(type) === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  );
  return new Set(names);
}

test("every figure that an alert or the dashboard asks for is one that a process gives", async () => {
  const known = await exported();
  const asked = new Set([...alerts.map((one) => one.expr), ...queries].flatMap(namesIn));
  expect(asked.size).toBeGreaterThan(40);
  expect([...asked].filter((name) => !known.has(name) && !OF_OTHERS.test(name))).toEqual([]);
});

test("every figure of the product stands in docs/metrics.md, and nothing else does", async () => {
  const documented = readFileSync(join(repositoryRoot, "docs/metrics.md"), "utf8");
  const listed = [...documented.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name ?? "");
  const { registry } = createMetrics();
  createApiMetrics(registry);
  createVitalMetrics(
    registry,
    () => Promise.reject(new Error("no database")),
    () => undefined,
  );
  const own = (await registry.getMetricsAsJSON())
    .map((one) => one.name)
    .filter((name) => !/^(process|nodejs)_/.test(name));
  expect(listed.filter((name) => !name.startsWith("temporal_")).sort()).toEqual(own.sort());
});

test("every alert has its section in the runbook", () => {
  const sections = new Map<string, Set<string>>();
  const missing = alerts.filter(({ annotations: { runbook } }) => {
    const [file = "", anchor = ""] = runbook.split("#");
    const path = join(repositoryRoot, file);
    if (!sections.has(file) && existsSync(path)) {
      const titles = readFileSync(path, "utf8").matchAll(/^#{2,4} (.+)$/gm);
      sections.set(
        file,
        new Set([...titles].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"))),
      );
    }
    return sections.get(file)?.has(anchor) !== true;
  });
  expect(missing.map((one) => one.annotations.runbook)).toEqual([]);
});

testWith("promtool")("promtool accepts the files, and the alerts come when they should", () => {
  const at = mkdtempSync(join(tmpdir(), "meeting-auction-prometheus-"));
  try {
    const config = read("prometheus.yml");
    writeFileSync(join(at, "prometheus.yml"), config.replaceAll("/etc/prometheus/", `${folder}/`));
    const promtool = (...args: string[]): string =>
      execFileSync("promtool", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    expect(promtool("check", "config", join(at, "prometheus.yml"))).toContain("SUCCESS");
    expect(promtool("test", "rules", join(folder, "alerts.test.yml"))).toContain("SUCCESS");
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
});
