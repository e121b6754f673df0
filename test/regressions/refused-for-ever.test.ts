import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { id as keccakOf } from "ethers";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

// patience.ts: "tried again, as what refused it (a missing role, a wrong setting) gets mended outside"
test.each(["mint", "settle"] as const)(
  "a %s that failed while the wallet lacked its role is done once the role is back",
  async (kind) => {
    const { chain } = engine;
    const auctionId = await chain.sold(chain.person(0), 2_000n);
    const role = keccakOf("OPERATOR_ROLE");
    await chain.send(chain.admin, "revokeRole", [role, chain.operator]);
    const key = await engine.ask(kind, auctionId, { outcome: 2 });
    const sender = await engine.sender();
    for (let round = 0; round < 20; round += 1) {
      await sender.tick();
      await engine.mine();
    }
    // Under half a minute of 1 s blocks later, somebody grants the role, and the workflow asks again (ASK_AGAIN_MS).
    await chain.send(chain.admin, "grantRole", [role, chain.operator]);
    await engine.ask(kind, auctionId, { outcome: 2 });
    for (let round = 0; round < 5; round += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(await engine.operation(key)).toMatchObject({ result: { status: "done" } });
  },
);
