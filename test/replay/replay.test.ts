/**
 * Auctions run for weeks, so the code that finishes one may be newer than the code that started it. Every recorded
 * history must be reproduced by the workflows as they are now: a change that fails here needs `patched`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from "@temporalio/worker";
import { DeterminismViolationError } from "@temporalio/workflow";
import { historyFromJson, type Recorded } from "../histories/json.ts";
import { bundleOther, bundleWorkflows } from "../workflows/world.ts";
import { beforePatches, unguarded } from "./other-builds.ts";

const folder = new URL("../histories/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));

let now: WorkflowBundle;
let changed: WorkflowBundle;
beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger("ERROR", () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: { core: "ERROR", other: "ERROR" } } },
  });
  now = await bundleWorkflows();
  changed = await bundleOther(fileURLToPath(new URL("fixtures/changed.ts", import.meta.url)));
});

function recordedIn(file: string): Recorded {
  return JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Recorded;
}

async function replay(file: string, workflowBundle: WorkflowBundle): Promise<void> {
  const recorded = recordedIn(file);
  const history = historyFromJson(recorded.history);
  await Worker.runReplayHistory({ workflowBundle }, history, recorded.workflowId);
}

test("there is a history of every way an auction and a meeting may go", () => {
  for (const scenario of [
    "sold-and-held.auction",
    "sold-and-held.meeting",
    "unsold",
    "cancelled",
    "extended",
    "host-absent",
    "refused-then-done",
    "sold-twice",
    "chain-changed",
    "end-refused-as-cancelled",
    "withdrawn.meeting",
    "overruled.meeting",
    "sold-and-searchable.auction",
    "sold-and-searchable.meeting",
    "operator-repair",
    "new-run-while-refused.first",
    "new-run-while-refused.last",
    "continue-as-new.first",
    "continue-as-new.last",
    "before-reverts-while-asking",
    "after-reverts-while-asking",
    "operator-pauses.wallet",
    "indexer-halted",
    "reconciled",
  ])
    expect(files.some((file) => file.startsWith(`${scenario}.`))).toBe(true);
});

test.each(files)("%s is reproduced by the workflows as they are now", async (file) => {
  await replay(file, now);
});

test("the example of docs/versions.md: without its patch the change breaks what was there before", async () => {
  const patch = "reverts-while-asking";
  const before = "before-reverts-while-asking.auction.json";
  await expect(replay(before, unguarded(now, patch))).rejects.toThrow(DeterminismViolationError);
  // And code that does not know the patch cannot carry on what has taken it.
  const after = "after-reverts-while-asking.auction.json";
  await expect(replay(after, beforePatches(now, patch))).rejects.toThrow(DeterminismViolationError);
});

test("a workflow with one more step is caught, and one that did not change is not", async () => {
  const auctions = files.filter((file) => recordedIn(file).workflowId.startsWith("auction/"));
  expect(auctions.length).toBeGreaterThan(10);
  for (const file of auctions)
    await expect(replay(file, changed)).rejects.toThrow(DeterminismViolationError);
  await replay("sold-and-held.meeting.json", changed);
});
