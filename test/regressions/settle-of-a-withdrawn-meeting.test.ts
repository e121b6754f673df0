// A settlement was asked for when its sale is taken back. It waits until a sale is final, and by then its meeting is withdrawn:
// sent at once it would have settled the next sale with the old meeting's outcome.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Sales } from "../chain/sales.ts";
import { requestOperation } from "../../src/chain/sending/operations.ts";
import { meetingWorkflowId, operationKey } from "../../src/domain/process.ts";

let sales: Sales;
beforeEach(async () => {
  sales = await Sales.start();
});
afterEach(() => sales.engine.stop());

test("a new sale is not settled with the outcome of the meeting that was withdrawn", async () => {
  const { engine } = sales;
  const { chain, db } = engine;
  const { auctionId, meeting } = await sales.toBob();
  const ref = sales.ref(auctionId);
  await db.transaction((tx) =>
    requestOperation(tx, {
      ...ref,
      key: operationKey("settle", ref),
      kind: "settle",
      outcome: 2,
      notBeforeS: 0,
      workflowId: meetingWorkflowId(meeting.meetingId),
    }),
  );
  // The reorg drops Bob's bid and the end; the sender has not heard of it.
  await engine.reorg(2);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  const sender = await engine.sender({ confirmations: 2 });
  await sender.tick();
  const key = operationKey("settle", ref);
  await engine.index();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "pending", settled: false });
  // Carol wins instead, and the indexer withdraws Bob's meeting.
  await chain.bid(auctionId, sales.carol, 7_000n);
  await chain.end(auctionId);
  await engine.index();
  expect(await sales.stateOf(meeting.meetingId)).toBe("withdrawn");
  for (let block = 0; block < 8; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  // Carol's meeting has not even been arranged.
  expect((await chain.state(auctionId))["state"]).toBe(2n);
});
