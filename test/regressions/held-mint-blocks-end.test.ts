// A fee spike above the mint cap (env.example: mint 200, end 500 gwei): the held mint keeps its nonce, and ends, whose cap
// allows the market, wait behind it.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an end that its cap allows is not kept back by a mint that is held at its own cap", async () => {
  const gwei = 10n ** 9n;
  const { chain } = engine;
  const setBaseFee = (wei: bigint): Promise<unknown> =>
    chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
  const [sold = 0n, other = 0n] = await engine.due(2);
  await chain.end(sold);
  await engine.automine(false);
  await setBaseFee(40n * gwei);
  await engine.mine();
  const sender = await engine.sender({
    feeCaps: { end: 500n * gwei, mint: 30n * gwei, settle: 30n * gwei, cancel: 500n * gwei },
  });
  await engine.ask("mint", sold);
  await sender.tick();
  const end = await engine.ask("end", other);
  for (let block = 0; block < 30 && !(await engine.isSettled(end)); block += 1) {
    await sender.tick();
    await setBaseFee(40n * gwei);
    await engine.mine();
  }
  expect(await engine.operation(end)).toMatchObject({ settled: true });
});
