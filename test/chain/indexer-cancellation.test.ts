import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Engine } from "./support.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());

const cancelled = async (): Promise<unknown[]> =>
  (await engine.signals())
    .filter((one) => one.signal === "cancelled")
    .map((one) => [one.workflowId.split("/").at(-1), one.args[0]?.["blockNumber"]]);

const index = (): Promise<unknown> => engine.index(engine.indexer({ confirmations: 3 }));

test("a process learns of a cancellation once it is deep enough, and once", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.send(chain.host, "cancel", [auctionId]);
  const at = await engine.blockNumber();
  await index();
  await engine.mine();
  await index();
  expect(await cancelled()).toEqual([]);
  await engine.mine();
  await index();
  expect(await cancelled()).toEqual([[String(auctionId), at]]);
  for (let block = 0; block < 3; block += 1) await engine.mine();
  await index();
  expect(await cancelled()).toHaveLength(1);
});

test("a cancellation that is taken back before that is never told", async () => {
  const { chain } = engine;
  const before = (await cancelled()).length;
  const auctionId = await chain.create();
  await chain.send(chain.host, "cancel", [auctionId]);
  await index();
  await engine.reorg(1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  for (let block = 0; block < 4; block += 1) await engine.mine();
  await index();
  expect(await cancelled()).toHaveLength(before);
  expect((await engine.signals()).at(-1)).toMatchObject({
    signal: "reverted",
    args: [{ cancelled: false, undone: [] }],
  });
});

test("one that a deeper reorg takes back lets the auction's process run again", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.send(chain.host, "cancel", [auctionId]);
  for (let block = 0; block < 4; block += 1) await engine.mine();
  await index();
  expect((await cancelled()).at(-1)).toEqual([String(auctionId), expect.any(Number)]);
  await engine.reorg(5);
  await index();
  const [start] = await engine.db.query(
    "SELECT again, payload->>'auctionId' AS id FROM outbox WHERE kind = 'start-auction' ORDER BY outbox.id DESC LIMIT 1",
  );
  expect(start).toEqual({ again: true, id: String(auctionId) });
});

test("a rollback to just above a cancellation still says that it holds", async () => {
  const { chain } = engine;
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp) + 1;
  const auctionId = await chain.create();
  await chain.send(chain.host, "cancel", [auctionId]);
  for (let block = 0; block < 4; block += 1) await engine.mine();
  // A report of the contract about the same auction, in a block that is then dropped.
  await chain.send(chain.person(0), "endAuctions", [[auctionId]]);
  await index();
  await engine.reorg(1);
  await index();
  expect((await engine.signals()).at(-1)).toMatchObject({
    signal: "reverted",
    args: [{ cancelled: true }],
  });
});
