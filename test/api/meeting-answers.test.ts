// Extending and closing, by what the meeting's workflow answers or does not.
import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import type { MeetingState } from "../../src/domain/process.ts";
import {
  createTestWorld,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
let host: Person;
let winner: Person;
let stranger: Person;

/** What the meeting's workflow would answer, and the update ids it was asked with. */
const workflow = {
  answer: (async () => ({
    phase: "open",
    endsAtMs: 0,
    outcome: null,
    settled: false,
    problem: null,
  })) as (args: unknown[]) => Promise<MeetingState>,
  updates: new Map<string, unknown[]>(),
};

const temporal = {
  withDeadline: (_deadline: number, work: () => Promise<unknown>) => work(),
  workflow: {
    getHandle: (workflowId: string) => ({
      startUpdate: async (
        definition: { name: string },
        { args, updateId }: { args: unknown[]; updateId: string },
      ) => {
        // As Temporal does it: one update per id.
        if (!workflow.updates.has(updateId))
          workflow.updates.set(updateId, [workflowId, definition.name, ...args]);
        const answer = workflow.answer(args);
        return { result: () => answer };
      },
    }),
  },
} as unknown as Client;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start({ temporal });
  [host, winner, stranger] = [await api.person(), await api.person(), await api.person()];
});
afterAll(() => world.close());
beforeEach(() => workflow.updates.clear());

describe("extending and closing", () => {
  const extend = (meetingId: string, person: Person, minutes: unknown, key?: string) =>
    api.request(`/api/meetings/${meetingId}/extend`, {
      token: person.token,
      json: { minutes },
      ...(key === undefined ? {} : { headers: { "idempotency-key": key } }),
    });

  test("is the host's: the workflow is asked in the name of their wallet", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    workflow.answer = async () => ({
      phase: "open",
      endsAtMs: Date.UTC(2090, 0, 1),
      outcome: null,
      settled: false,
      problem: null,
    });
    expect((await extend(meetingId, host, 15)).body).toEqual({
      meetingId,
      phase: "open",
      endsAt: "2090-01-01T00:00:00.000Z",
      outcome: null,
      settled: false,
    });
    expect([...workflow.updates.values()]).toEqual([
      [`meeting/${meetingId}`, "extend", { by: host.wallet.address.toLowerCase(), minutes: 15 }],
    ]);
    workflow.updates.clear();
    workflow.answer = async () => ({
      phase: "closing",
      endsAtMs: Date.UTC(2090, 0, 1),
      outcome: 1,
      settled: false,
      problem: null,
    });
    const closed = await api.request(`/api/meetings/${meetingId}/close`, {
      method: "POST",
      token: host.token,
    });
    expect(closed).toMatchObject({ status: 202, body: { phase: "closing", outcome: "held" } });
    const settlement = await api.request(closed.headers.get("location") ?? "", {
      token: host.token,
    });
    expect(settlement.body).toMatchObject({ meetingId, status: "open", transactionHash: null });
    expect([...workflow.updates.values()]).toEqual([
      [`meeting/${meetingId}`, "close", { by: host.wallet.address.toLowerCase() }],
    ]);
    expect((await extend(meetingId, winner, 15)).body).toMatchObject({
      status: 403,
      code: "not_the_host",
    });
  });

  test("under one Idempotency-Key is one update, also at once; with another request it is refused, and it is nobody else's", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    workflow.answer = async () => ({
      phase: "open",
      endsAtMs: Date.UTC(2090, 0, 1),
      outcome: null,
      settled: false,
      problem: null,
    });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => extend(meetingId, host, 10, "key-1")),
    );
    const done = answers.filter((one) => one.status === 200);
    expect(done.length).toBeGreaterThan(0);
    for (const waiting of answers.filter((one) => one.status !== 200))
      expect(waiting).toMatchObject({ status: 409, body: { code: "idempotency_key_in_flight" } });
    expect(workflow.updates.size).toBe(1);
    workflow.answer = async () => Promise.reject(new Error("not to be asked again"));
    expect((await extend(meetingId, host, 10, "key-1")).body).toEqual(done[0]?.body);
    expect((await extend(meetingId, host, 11, "key-1")).body).toMatchObject({
      status: 422,
      code: "idempotency_key_reused",
    });
    expect((await extend(meetingId, host, 10, "bad key")).body.errors[0].pointer).toBe(
      "/headers/idempotency-key",
    );
    const second = await seedSold(api, stranger, winner);
    workflow.answer = async () => ({
      phase: "open",
      endsAtMs: 0,
      outcome: null,
      settled: false,
      problem: null,
    });
    expect((await extend(second.meetingId, stranger, 10, "key-1")).status).toBe(200);
    expect(workflow.updates.size).toBe(2);
  });

  test.each([
    ["meeting_over", 409],
    ["extension_too_long", 422],
    ["not_the_host", 403],
  ])("passes on the workflow's refusal %s as %i", async (type, status) => {
    const { meetingId } = await seedSold(api, host, winner);
    const failure = ApplicationFailure.create({ type, message: "because", nonRetryable: true });
    workflow.answer = async () =>
      Promise.reject(new WorkflowUpdateFailedError("update failed", failure));
    expect((await extend(meetingId, host, 5)).body).toMatchObject({
      status,
      code: type,
      detail: "because",
    });
  });

  test("says what is known when Temporal gives no answer: accepted, perhaps, or not there", async () => {
    const open = await seedSold(api, host, winner);
    const over = await seedSold(api, host, winner, { state: "closed" });
    workflow.answer = async () =>
      Promise.reject(new WorkflowUpdateRPCTimeoutOrCancelledError("too slow"));
    expect(await extend(open.meetingId, host, 5)).toMatchObject({
      status: 202,
      body: { meetingId: open.meetingId, status: "accepted" },
    });
    const start = (error: Error) => () => {
      throw error;
    };
    workflow.answer = start(new WorkflowUpdateRPCTimeoutOrCancelledError("too slow"));
    expect((await extend(open.meetingId, host, 5)).body).toMatchObject({
      status: 503,
      code: "outcome_unknown",
    });
    workflow.answer = start(new WorkflowNotFoundError("gone", "meeting/x", undefined));
    expect((await extend(open.meetingId, host, 5)).body).toMatchObject({
      status: 503,
      code: "meeting_not_running",
    });
    expect((await extend(over.meetingId, host, 5)).body).toMatchObject({
      status: 409,
      code: "meeting_over",
    });
  });

  test.each([0, -5, 1.5, "5", 61, 100_000])("refuses %p minutes", async (minutes) => {
    const { meetingId } = await seedSold(api, host, winner);
    expect((await extend(meetingId, host, minutes)).body.errors[0].pointer).toBe("/minutes");
    expect(workflow.updates.size).toBe(0);
  });
});
