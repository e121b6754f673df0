// An operation is asked for once, whoever asks and however often, and counted as often as that.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createAuctionActivities } from "../../src/activities/auction.ts";
import { SILENT } from "../../src/chain/observer.ts";
import type { OperationKind } from "../../src/domain/process.ts";
import { Engine } from "./support.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());

test("an end that its process asks for five times, and the sender too, is created once", async () => {
  const { chain, db, chainId, contract } = engine;
  const created: OperationKind[] = [];
  const activities = createAuctionActivities({
    db,
    opensBeforeS: 300,
    reminderBeforeS: 3_600,
    maxExtensionMinutes: 60,
    onAsked: (kind) => created.push(kind),
  });
  const sender = await engine.sender({
    observer: {
      ...SILENT,
      operations: (stage, kind, count) => {
        if (stage === "created") created.push(...Array<OperationKind>(count).fill(kind));
      },
    },
  });
  // The process asks first …
  const endTime = chain.nowS + 2_000;
  const asked = String(await chain.create({ endTime }));
  const ask = (auctionId: string): Promise<void> =>
    activities.requestEnd({ chainId, contract, auctionId }, endTime);
  await Promise.all(Array.from({ length: 5 }, () => ask(asked)));
  expect(created).toEqual(["end"]);

  // … and the sender first, for another one.
  const armed = String(await chain.create({ endTime: chain.nowS + 10 }));
  await engine.index();
  await engine.rounds(sender, async () => created.length === 2);
  await ask(armed);
  await sender.tick();
  expect(created).toEqual(["end", "end"]);
});
