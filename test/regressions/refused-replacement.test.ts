// One refusal of a replacement (a limit of the node, a proxy's fee cap, that is lifted later) marks the first transaction
// held: 'refused' for ever. It is never outbid again, and every nonce behind it waits.
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a replacement that was refused once is tried again when the market goes on", async () => {
  const gwei = 10n ** 9n;
  const setBaseFee = (wei: bigint): Promise<unknown> =>
    engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
  const [auctionId = 0n] = await engine.due(1);
  await engine.automine(false);
  await setBaseFee(gwei);
  await engine.mine();
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender();
  await sender.tick();
  let refusals = 0;
  const first = (await engine.transactions())[0]?.["raw_transaction"];
  engine.rpc.before = async (method, [raw]) => {
    if (method !== "eth_sendRawTransaction" || raw === first || refusals > 0) return;
    refusals += 1;
    throw new RpcError(
      method,
      -32_000,
      "tx fee (1.10 ether) exceeds the configured cap (1.00 ether)",
    );
  };
  for (let block = 0; block < 60 && !(await engine.isSettled(key)); block += 1) {
    await setBaseFee(20n * gwei);
    await engine.mine();
    await sender.tick();
  }
  expect({ refusals, ...(await engine.operation(key)) }).toMatchObject({
    refusals: 1,
    settled: true,
  });
});
