import { TASK_QUEUES, walletWorkflowId } from "../../src/domain/process.ts";
import {
  endNowUpdate,
  pauseUpdate,
  recheckChainUpdate,
  retryFailedStepUpdate,
} from "../../src/workflows/messages.ts";
import { NEEDS_OPERATOR } from "../../src/workflows/search-attributes.ts";
import { failure, REPORT } from "./activities.ts";
import { SALE, startBidding, startDue, tagsOf } from "./auctions.ts";
import { refusalOf, startMeeting } from "./meetings.ts";
import { detailsOf, eventsOf, historyOf, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

const WHY = { by: "ops:alice", reason: "the role is granted again" };

let world: World;
useOwnWorld((own) => void (world = own));

test.concurrent("an auction is found by its phase, its end, and what is wrong with it", async () => {
  const auction = await startBidding(world);
  const { endsAtMs } = auction.input;
  expect(await tagsOf(auction)).toMatchObject({
    phase: "bidding",
    endsAtMs,
    needsOperator: false,
  });
  await auction.extend(endsAtMs + 500);
  await until("its new end", async () => (await tagsOf(auction)).endsAtMs === endsAtMs + 500);
  await auction.moveEndNear();
  await until("the request", () => auction.requestedEnds.length > 0);
  await auction.settle("end", { status: "refused", reason: "paused" });
  await auction.state(({ problem }) => problem !== null);
  expect(await tagsOf(auction)).toMatchObject({
    phase: "ending",
    failureCode: "end:paused",
    needsOperator: true,
  });
  await auction.settle("end");
  await auction.handle.result();
  expect(await tagsOf(auction)).toMatchObject({
    phase: "unsold",
    failureCode: undefined,
    needsOperator: false,
  });
});

test.concurrent("the history reads as prose, and the details tell the story with times and links", async () => {
  const auction = await startBidding(world);
  await auction.sleepsUntilEnd();
  await auction.moveEndNear();
  await until("the request", () => auction.requestedEnds.length > 0);
  await auction.settle("end", { ...SALE, blockNumber: 7, transactionHash: "0xabc" });
  await auction.state(({ meetingId }) => meetingId !== null);
  const details = await detailsOf(auction.handle);
  for (const line of ["bidding is open", "the end is asked for", "end: done in block 7 by `0xabc`"])
    expect(details).toMatch(new RegExp(`- \`2\\d{3}-\\d\\d-.*Z\` ${line}`));
  expect(details).toContain(`/namespaces/${world.namespace}/workflows/meeting%2F`);
  const events = await historyOf(auction.handle);
  const summaries = events
    .filter((one) => one.activityTaskScheduledEventAttributes ?? one.timerStartedEventAttributes)
    .map((one) => Buffer.from(one.userMetadata?.summary?.data ?? []).toString());
  expect(summaries.length).toBeGreaterThan(2);
  expect(summaries).not.toContain("");
  expect(summaries).toContain('"Ask for the end in the first block that allows it"');
});

test.concurrent("a process that began before there were search attributes takes them up from where it is", async () => {
  const auction = await startBidding(world, { continueAfterEvents: 10_000 });
  await until("its phase", async () => (await tagsOf(auction)).phase === "bidding");
  const markers = await eventsOf(auction.handle, "markerRecordedEventAttributes");
  expect(markers).toHaveLength(1);
});

test.concurrent("retryFailedStep tries a refused step again at once, and says who did it", async () => {
  let mended = false;
  const auction = await startDue(world, {
    script: {
      requestEnd: async () => {
        if (!mended) throw failure("role_missing", "the platform may not end", true);
      },
    },
  });
  await auction.state(({ problem }) => problem !== null);
  mended = true;
  await auction.handle.executeUpdate(retryFailedStepUpdate, { args: [WHY] });
  await auction.state(({ problem }) => problem === null);
  expect(auction.steps).toEqual(["requestEnd", "recordOperatorAction", "requestEnd"]);
  const [audited] = world.activities.of(auction.id, "recordOperatorAction");
  expect(audited?.args[0]).toMatchObject({ ...WHY, action: "retry", target: auction.id });
  const again = auction.handle.executeUpdate(retryFailedStepUpdate, { args: [WHY] });
  expect(await refusalOf(again)).toBe("nothing_failed");
});

test.concurrent("endNow asks for an end that is overdue, and is refused before and after", async () => {
  const auction = await startBidding(world, { leadMs: 100 });
  const endNow = (command: object = WHY): Promise<unknown> =>
    auction.handle.executeUpdate(endNowUpdate, { args: [command as typeof WHY] });
  expect(await refusalOf(endNow())).toBe("not_over_yet");
  expect(await refusalOf(endNow({ by: "x", reason: "short" }))).toBe("bad_reason");
  expect(await refusalOf(endNow({}))).toBe("bad_by");
  const endsAtMs = await auction.moveEndNear();
  await until("the end", () => Date.now() > endsAtMs);
  await until("the first request", () => auction.requestedEnds.length === 1);
  await endNow();
  await until("more requests", () => auction.requestedEnds.length >= 2);
  await auction.settle("end", SALE);
  await auction.state(({ phase }) => phase === "sold");
  expect(await refusalOf(endNow())).toBe("auction_over");
});

test.concurrent("recheckChain answers what the contract says, and the auction goes by that end", async () => {
  const wanted = Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000;
  const onChain = { ...REPORT.onChain, endsAtMs: wanted };
  const auction = await startBidding(world, {
    script: {
      lookAtChain: async () => ({ ...REPORT, onChain, differences: ["the end is another"] }),
    },
  });
  const report = await auction.handle.executeUpdate(recheckChainUpdate, { args: [WHY] });
  expect(report).toMatchObject({ differences: ["the end is another"] });
  expect(await auction.state(() => true)).toMatchObject({ phase: "bidding", endsAtMs: wanted });
  await auction.cancel();
  await auction.handle.result();
});

test.concurrent("a meeting's failed step is tried again by an operator too", async () => {
  let mended = false;
  const meeting = await startMeeting(
    world,
    {},
    {
      openMeeting: async () => {
        if (!mended) throw failure("meeting_not_found", "there is no meeting", true);
      },
    },
  );
  await meeting.state(({ problem }) => problem !== null);
  mended = true;
  await meeting.handle.executeUpdate(retryFailedStepUpdate, { args: [WHY] });
  expect(await meeting.phase("open")).toMatchObject({ problem: null });
  expect(meeting.steps).toEqual(["openMeeting", "recordOperatorAction", "openMeeting"]);
});

test.concurrent("a wallet is paused and resumed by updates of its workflow", async () => {
  const address = "0x4444444444444444444444444444444444444444";
  const id = walletWorkflowId(9, address);
  let paused = false;
  world.activities.script(id, {
    pauseWallet: async () => {
      paused = true;
    },
    resumeWallet: async () => {
      paused = false;
    },
    runWallet: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return paused ? "paused" : "turn-over";
    },
  });
  const handle = await world.client.workflow.start("wallet", {
    workflowId: id,
    taskQueue: TASK_QUEUES.auction,
    args: [{ chainId: 9, address }],
  });
  await handle.executeUpdate(pauseUpdate, { args: [WHY] });
  await until("it to be shown", async () =>
    (await handle.describe()).typedSearchAttributes.get(NEEDS_OPERATOR),
  );
  expect(await detailsOf(handle)).toContain("an operator has paused it");
  const turns = world.activities.of(id, "runWallet").length;
  await handle.executeUpdate("resume", { args: [WHY] });
  await until("another turn", () => world.activities.of(id, "runWallet").length > turns);
  const [call] = world.activities.of(id, "pauseWallet");
  expect(call?.args[0]).toMatchObject({ ...WHY, chainId: 9, address });
  await handle.terminate();
});

test.concurrent("messages that make no sense are ignored instead of stopping the auction", async () => {
  const auction = await startBidding(world);
  await auction.state(() => true);
  for (const signal of ["extended", "reverted", "cancelled", "operationSettled"])
    await auction.handle.signal(signal, null);
  await auction.handle.signal("extended", { endsAtMs: "soon" });
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
});
