import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a transaction whose tip the market has left behind is outbid though the base fee fell", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  chain.nowS = Number((await chain.state(auctionId))["endTime"]);
  await engine.mine();
  await chain.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x174876e800"]);
  await engine.mine();
  await engine.ask("end", auctionId);
  await engine.automine(false);
  const sender = await engine.sender();
  await sender.tick();
  const [first] = await engine.transactions();
  // Block builders now take only twenty times that tip; the base fee goes down a little.
  const tip = BigInt(String(first?.["max_priority_fee_per_gas_wei"]));
  const cap = BigInt(String(first?.["max_fee_per_gas_wei"]));
  await chain.provider.send("anvil_dropTransaction", [first?.["hash"]]);
  const market = (tip === 0n ? 1n : tip) * 20n;
  engine.rpc.after = async (method, _parameters, answer) => {
    if (method === "eth_maxPriorityFeePerGas") return `0x${market.toString(16)}`;
    if (method === "eth_sendRawTransaction")
      await chain.provider.send("anvil_dropTransaction", [answer]).catch(() => undefined);
    return answer;
  };
  const base = (cap - market) / 2n - 1n;
  const fee = `0x${(base > 0n ? base : 1n).toString(16)}`;
  for (let block = 0; block < 8; block += 1) {
    await chain.provider.send("anvil_setNextBlockBaseFeePerGas", [fee]);
    await engine.mine();
    await sender.tick();
  }
  const tips = (await engine.transactions()).map((one) =>
    BigInt(String(one["max_priority_fee_per_gas_wei"])),
  );
  const best = tips.reduce((a, b) => (a > b ? a : b));
  expect(`best tip ${best >= market ? "reaches" : "below"} the market`).toBe(
    "best tip reaches the market",
  );
});
