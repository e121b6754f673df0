import { Client, Connection } from "@temporalio/client";
import { RECONCILE_SCHEDULE_ID } from "../../src/domain/process.ts";
import { ensureReconcileSchedule } from "../../src/workers/schedule.ts";
import { getTestTemporal } from "../support/stack.ts";

let client: Client;
beforeAll(async () => {
  const { address, namespace } = await getTestTemporal();
  client = new Client({ connection: await Connection.connect({ address }), namespace });
});
afterAll(() => client.connection.close());

/** What the server says, in its own words: cron expressions come back as calendars. */
async function described() {
  return client.schedule.getHandle(RECONCILE_SCHEDULE_ID).describe();
}

const minutes = async (): Promise<number[]> =>
  ((await described()).spec.calendars ?? []).flatMap(({ minute }) =>
    minute.map((range) => (typeof range === "number" ? range : range.step)),
  );

test("the Schedule is made, and an existing one takes the new interval", async () => {
  await ensureReconcileSchedule(client, "*/5 * * * *");
  expect(await described()).toMatchObject({
    action: { workflowType: "reconcile", taskQueue: "auction" },
    policies: { overlap: "SKIP", catchupWindow: 60_000 },
    state: { paused: false },
  });
  expect(await minutes()).toEqual([5]);

  await ensureReconcileSchedule(client, "*/7 * * * *");
  expect(await minutes()).toEqual([7]);
  expect((await described()).action.workflowType).toBe("reconcile");
});

test("a Schedule that an operator paused stays paused when its interval changes", async () => {
  await ensureReconcileSchedule(client, "*/5 * * * *");
  await client.schedule.getHandle(RECONCILE_SCHEDULE_ID).pause("looking into it");
  await ensureReconcileSchedule(client, "*/9 * * * *");
  expect(await minutes()).toEqual([9]);
  expect((await described()).state).toMatchObject({ paused: true, note: "looking into it" });
});

test("two workers that start at once both succeed", async () => {
  await client.schedule.getHandle(RECONCILE_SCHEDULE_ID).delete();
  await Promise.all([1, 2, 3].map(() => ensureReconcileSchedule(client, "*/11 * * * *")));
  expect(await minutes()).toEqual([11]);
});

test("a wrong interval is refused", async () => {
  await expect(ensureReconcileSchedule(client, "every now and then")).rejects.toThrow();
});
