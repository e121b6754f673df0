// Whoever may signal a workflow can send it anything, by hand too: no argument whatever makes a workflow task fail.
import { expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import { OPERATION_KINDS } from "../../src/domain/process.ts";
import { fc, runs, SEED } from "../support/random.ts";
import { startBidding } from "./auctions.ts";
import { refusalOf, startMeeting } from "./meetings.ts";
import { stateOf, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

/** What a field that is a number, a text or a list may hold instead. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "abc",
    "\u0000",
    "1e999",
    -1,
    0.5,
    1e15,
    8_640_000_000_000_001,
    253_402_300_800_000,
    Number.MAX_SAFE_INTEGER,
    [],
    {},
    ["end", "end", "end", "end"],
    { toString: "x" },
    "x".repeat(10_000),
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const fields = [
  "endsAtMs",
  "blockNumber",
  "cancelled",
  "undone",
  "key",
  "kind",
  "status",
  "reason",
  "transactionHash",
  "winner",
  "amountWei",
];
/** A message that would be right, with some of its fields replaced. */
const messageOf = (right: Record<string, unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 10, arbitrary: odd },
    {
      weight: 20,
      arbitrary: fc
        .dictionary(fc.constantFrom(...fields), odd, { maxKeys: 3 })
        .map((wrong) => ({ ...right, ...wrong })),
    },
    // Few, as a history may hold 50 MB.
    {
      weight: 1,
      arbitrary: fc.constant({
        ...right,
        reason: "x".repeat(1_500_000),
        more: "y".repeat(100_000),
      }),
    },
  );

const FAR_MS = Date.now() + 30 * 24 * 3_600_000;
/** None of them ends the process when it is understood. */
const SIGNALS: Readonly<Record<string, Record<string, unknown>>> = {
  extended: { endsAtMs: FAR_MS, blockNumber: 1 },
  cancelled: { blockNumber: "none" },
  reverted: { endsAtMs: FAR_MS, cancelled: false, blockNumber: 1, undone: ["end"] },
  operationSettled: {
    key: "k",
    kind: "mint",
    status: "refused",
    reason: "paused",
    blockNumber: 1,
  },
  withdrawn: {},
  roomLeft: {},
};

/** A workflow's history has limits: more messages need more workflows. */
const MESSAGES = 120;
const WORKFLOWS = runs(1);

async function bombard(
  handle: WorkflowHandle,
  signals: readonly string[],
  turn: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc
        .constantFrom(...signals)
        .chain((signal) =>
          messageOf(SIGNALS[signal] ?? {}).map((message) => [signal, message] as const),
        ),
      async ([signal, message]) => {
        // The server refuses what is beyond its own limit of two megabytes.
        await handle.signal(signal, message).catch((error: unknown) => {
          expect(String(error instanceof Error ? error.cause : error)).toMatch(/limit|size|large/i);
        });
      },
    ),
    { numRuns: MESSAGES, seed: SEED + turn },
  );
}

const turns = Array.from({ length: WORKFLOWS }, (_, turn) => turn);

test.concurrent.each(turns)("an auction ignores what makes no sense (%i)", async (turn) => {
  const auction = await startBidding(world);
  await bombard(auction.handle, ["extended", "reverted", "operationSettled", "unheardOf"], turn);
  await auction.handle.signal("cancelled", { blockNumber: null });
  const endsAtMs = Date.now() + 3_600_000;
  await auction.revert(endsAtMs);
  expect(
    await stateOf(auction.handle, (state: { endsAtMs: number }) => state.endsAtMs === endsAtMs),
  ).toMatchObject({
    phase: "bidding",
  });
});

test.concurrent.each(turns)("a meeting ignores what makes no sense (%i)", async (turn) => {
  const meeting = await startMeeting(world, { opensInMs: 3_600_000, endsInMs: 7_200_000 });
  await bombard(meeting.handle, ["operationSettled", "roomLeft", "unheardOf"], turn);
  expect(await meeting.state(() => true)).toMatchObject({ phase: "scheduled" });
});

test.concurrent("an end beyond all dates neither ends an auction nor stops it", async () => {
  const auction = await startBidding(world);
  for (const endsAtMs of [253_402_300_799_999, 253_402_300_800_000, 1e18])
    await auction.handle.signal("extended", { endsAtMs, blockNumber: 1 });
  expect(
    await stateOf(
      auction.handle,
      (state: { endsAtMs: number }) => state.endsAtMs === 253_402_300_799_999,
    ),
  ).toMatchObject({ phase: "bidding" });
});

test.concurrent.each([
  ["a NUL in the name", { by: "ops\u0000alice" }, "bad_by"],
  ["a NUL in the reason", { reason: "both say\u0000 it took place" }, "bad_reason"],
  ["no name", { by: null }, "bad_by"],
  ["a name of objects", { by: { toString: 1 } }, "bad_by"],
  ["an outcome of text", { outcome: "1" }, "bad_outcome"],
])("an operator's command with %s is refused", async (_what, wrong, type) => {
  const meeting = await startMeeting(world, { opensInMs: 3_600_000, endsInMs: 7_200_000 });
  expect(await refusalOf(meeting.overrule(wrong as never))).toBe(type);
});

test.concurrent("the host's commands without an argument are refused", async () => {
  const meeting = await startMeeting(world);
  for (const update of ["extend", "close"])
    expect(await refusalOf(meeting.handle.executeUpdate(update, { args: [null] } as never))).toBe(
      "not_the_host",
    );
});

test("the kinds of operations are those that the signals name", () => {
  expect(OPERATION_KINDS).toContain(SIGNALS["operationSettled"]?.["kind"]);
});
