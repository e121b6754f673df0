// `npm run replay`: before a deploy, replays what really happened with the code of this tree.
import { parseArgs } from "node:util";
import { DefaultLogger, Runtime } from "@temporalio/worker";
import { ConfigError, loadReplayConfig } from "./config.ts";
import { TASK_QUEUES } from "./domain/process.ts";
import { messageOf } from "./errors.ts";
import { connectTemporal } from "./temporal.ts";
import { loadBuild } from "./workers/builds.ts";
import { type Mismatch, replayHistories } from "./workers/replaying.ts";

const USAGE = `npm run replay -- [--from ADDRESS] [--namespace NAME] [--limit N] [--since TIME]

Replays the newest histories of a Temporal server, running and closed ones of every type, with the code of this tree (or the
bundle that WORKFLOW_BUNDLE names). It writes nothing.

  --from ADDRESS    the server; TEMPORAL_ADDRESS unless given. TLS and API keys as everywhere: TEMPORAL_TLS_…, TEMPORAL_API_KEY
  --namespace NAME  TEMPORAL_NAMESPACE unless given
  --limit N         at most so many running and so many closed ones of each type; 200 unless given
  --since TIME      of the closed ones only those closed since: 2026-11-23, 2026-11-23T08:00:00Z, or 12h, 7d; 7d unless given

Exit codes: 0 every history fits; 1 one does not: do not deploy; 2 it could not be looked.
TEMPORAL_PAYLOAD_KEYS is needed where payloads are sealed.`;

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

class UsageError extends Error {}

interface Options {
  readonly from: string | undefined;
  readonly namespace: string | undefined;
  readonly limit: number;
  readonly sinceMs: number;
}

/** @throws UsageError */
function optionsOf(args: readonly string[]): Options | "help" {
  const text = { type: "string" } as const;
  const options = {
    from: text,
    namespace: text,
    limit: text,
    since: text,
    help: { type: "boolean" },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    throw new UsageError(messageOf(error).split(/\. |\n/)[0]);
  }
  if (values.help === true) return "help";
  const limit = Number(values.limit ?? "200");
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new UsageError("--limit is a whole number from 1 to 100000");
  return {
    from: values.from,
    namespace: values.namespace,
    limit,
    sinceMs: sinceOf(values.since ?? "7d"),
  };
}

function sinceOf(text: string): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms =
    count === undefined
      ? Date.parse(text)
      : Date.now() - Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (Number.isNaN(ms))
    throw new UsageError(`--since ${text} is no time: 2026-11-23 or 7d, for example`);
  return ms;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function tell({ workflowId, runId, type, message, advice }: Mismatch): void {
  say(`\nMISMATCH ${workflowId} (${type}, run ${runId})\n  ${message}\n  ${advice}\n`);
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2));
  if (options === "help") {
    say(USAGE);
    return 0;
  }
  const { from, namespace, limit, sinceMs } = options;
  const config = loadReplayConfig({
    ...(from === undefined ? {} : { TEMPORAL_ADDRESS: from }),
    ...(namespace === undefined ? {} : { TEMPORAL_NAMESPACE: namespace }),
  });
  // What does not fit is told here, once; the SDK would say it in its own way too.
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger("ERROR", () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: { core: "ERROR", other: "ERROR" } } },
  });
  const temporal = connectTemporal(config);
  try {
    await temporal.connection.ensureConnected();
    const build = await loadBuild(config);
    say(`replaying ${temporal.address}, namespace ${temporal.namespace}, with build ${build.id}`);
    const { client, dataConverter } = temporal;
    let replayed = 0;
    let mismatches = 0;
    const source = { client, dataConverter, build, taskQueue: TASK_QUEUES.auction, limit, sinceMs };
    for await (const { what, count, failed } of replayHistories(source, tell)) {
      say(`  ${what}: ${count} replayed${failed > 0 ? `, ${failed} DO NOT FIT` : ""}`);
      replayed += count;
      mismatches += failed;
    }
    say(
      mismatches === 0
        ? `${replayed} histories fit this code`
        : `${mismatches} of ${replayed} histories do not fit this code: do not deploy it (docs/versions.md)`,
    );
    return mismatches === 0 ? 0 : 1;
  } finally {
    await temporal.connection.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const text =
    error instanceof UsageError
      ? `${error.message}\n\n${USAGE}`
      : error instanceof ConfigError
        ? error.message
        : `npm run replay could not look: ${messageOf(error)}`;
  process.stderr.write(`${text}\n`);
  process.exitCode = 2;
}
// The SDK keeps the process alive after a server that was not there; everything of ours is closed.
setTimeout(() => process.exit(), 200).unref();
