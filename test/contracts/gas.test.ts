import { OUTCOMES, batchGasLimit, maxBatchItems } from "../../src/chain/contracts.ts";
import { AuctionChain } from "./harness.ts";

const BATCH = 50;

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

test(`in a batch of ${BATCH}, what an item costs next to what it costs alone`, async () => {
  const endTime = chain.nowS + 1_000;
  const ids: bigint[] = [];
  for (let index = 0; index <= BATCH; index++) {
    const id = await chain.create({ endTime });
    await chain.bid(id, chain.person(index % 5), 10n ** 15n);
    ids.push(id);
  }
  const [alone = 0n, ...many] = ids;
  const cancelled = await chain.create({ endTime: endTime + 100 });
  await chain.send(chain.host, "cancel", [cancelled], { atS: endTime });

  const lines: string[] = [];
  const measure = async (
    kind: "end" | "mint" | "settle",
    method: string,
    args: (ids: bigint[]) => unknown[],
  ) => {
    const send = (batch: bigint[]) =>
      chain.send(chain.operator, method, args(batch), {
        gasLimit: batchGasLimit(kind, batch.length),
      });
    const one = Number((await send([alone])).gasUsed);
    const perItem = Number((await send(many)).gasUsed) / BATCH;
    lines.push(
      `${kind}: ${one} alone, ${Math.round(perItem)} in ${BATCH}, ratio ${(perItem / one).toFixed(3)}`,
    );
    return perItem / one;
  };
  expect(await measure("end", "endAuctions", (batch) => [batch])).toBeLessThanOrEqual(0.6);
  await measure("mint", "mintPasses", (batch) => [batch]);
  await measure("settle", "settleMeetings", (batch) => [batch, batch.map(() => OUTCOMES.HELD)]);
  process.stdout.write(`gas ${lines.join("; ")}\n`);

  for (const id of ids) expect((await chain.state(id))["outcome"]).toBe(BigInt(OUTCOMES.HELD));
});

test("one transaction has room for hundreds of ends and a hundred mints or settlements", async () => {
  expect(maxBatchItems("end")).toBeGreaterThanOrEqual(500);
  expect(maxBatchItems("mint")).toBeGreaterThanOrEqual(100);
  expect(maxBatchItems("settle")).toBeGreaterThanOrEqual(100);
  expect(batchGasLimit("end", maxBatchItems("end"))).toBeLessThanOrEqual(16_777_216n);
});
