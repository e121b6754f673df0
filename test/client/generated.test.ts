// What is made from the definitions of routes, problems and events is as it is in the tree.
import { expect, test } from "@jest/globals";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Acknowledgement } from "../../src/api/realtime/types.ts";
import type { ClosingCode } from "../../src/api/realtime/closing.ts";
import type { EventType } from "../../src/api/events/catalog.ts";
import { storedFile } from "../../scripts/openapi.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import type { EventsByType, FollowAnswer, FeedEvents } from "../../client/src/index.ts";
import type { ClosingReasons } from "../../client/src/generated/codes.ts";

test("the client, the OpenAPI document and docs/events.md are those that npm run openapi writes", () => {
  // In a process of its own: openapi-typescript is not loaded as jest loads modules.
  const script = `
    const { generatedFiles } = await import(process.argv[1]);
    process.stdout.write(JSON.stringify(await generatedFiles()));`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script, join(repositoryRoot, "scripts/openapi.ts")],
    { encoding: "utf8", maxBuffer: 32 * 1_024 * 1_024, env: { ...process.env, NODE_OPTIONS: "" } },
  );
  if (status !== 0) throw new Error(stderr);
  const stale = Object.entries(JSON.parse(stdout) as Record<string, string>)
    .filter(([path, text]) => storedFile(path) !== text)
    .map(([path]) => path);
  // They are out of date: run `npm run openapi` and commit what it writes.
  expect(stale).toEqual([]);
});

/** Compiles where two types are the same, which is what is tested here. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;

test("the socket's words are the same on both sides", () => {
  // What the server sends and what the client takes: `npm test` checks these types.
  const events: Same<keyof EventsByType, EventType> = true;
  const closings: Same<keyof ClosingReasons, ClosingCode> = true;
  const answers: Same<FollowAnswer, Acknowledgement> = true;
  const told: Same<
    Exclude<keyof FeedEvents, EventType>,
    "event" | "ready" | "resync-required" | "closing" | "away" | "end"
  > = true;
  expect([events, closings, answers, told]).toEqual([true, true, true, true]);
});
