// Another chain behind an endpoint, for a while: nothing is taken back, and nobody has to be called.
import { expect, test } from "@jest/globals";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

/** From now on blocks are those of another chain, which is as long as ours. */
function switchChain(): void {
  const elsewhere = (hash: string): string => `0xdead${hash.slice(6)}`;
  engine.rpc.after = async (method, _parameters, answer) => {
    if (method !== "eth_getBlockByNumber" || answer === null) return answer;
    const block = answer as { hash: string; parentHash: string };
    return { ...block, hash: elsewhere(block.hash), parentHash: elsewhere(block.parentHash) };
  };
}

const cursor = async (): Promise<Record<string, unknown> | undefined> =>
  (
    await engine.db.query<Record<string, unknown>>("SELECT state, block_number FROM chain_cursors")
  )[0];

test("seconds of another chain halt nothing", async () => {
  await engine.due(1);
  const indexer = engine.indexer({ haltAfterMs: 60_000, finalityDepth: 4 });
  expect(await engine.index(indexer)).toBe("idle");
  const before = await cursor();
  switchChain();
  await engine.mine();
  for (let step = 0; step < 3; step += 1) expect(await indexer.step()).toBe("idle");
  expect(await cursor()).toEqual(before);
  engine.rpc.calm();
  expect(await engine.index(indexer)).toBe("idle");
  expect(await cursor()).toMatchObject({ state: "live" });
});

test("a stream that halted goes on by itself when the chain is the known one again", async () => {
  const [id = 0n] = await engine.due(1);
  const indexer = engine.indexer({ finalityDepth: 4 });
  await engine.index(indexer);
  switchChain();
  await engine.mine();
  expect(await engine.index(indexer)).toBe("halted");
  // The next turn begins with another chain still, and the one after that with ours.
  expect(await engine.indexer({ finalityDepth: 4 }).step()).toBe("halted");
  engine.rpc.calm();
  await engine.chain.end(id);
  expect(await engine.index(engine.indexer({ finalityDepth: 4 }))).toBe("idle");
  expect(await cursor()).toMatchObject({ state: "live" });
  expect(await engine.db.query("SELECT phase FROM auctions")).toEqual([{ phase: "sold" }]);
});

test("null in the place of no logs is none, and a node without its beginning will do", async () => {
  engine.rpc.after = async (method, parameters, answer) => {
    if (method === "eth_getLogs" && Array.isArray(answer) && answer.length === 0) return null;
    if (method === "eth_getBlockByNumber" && parameters[0] === "0x0") return null;
    return answer;
  };
  await engine.due(1);
  expect(await engine.index(engine.indexer({ startBlock: 2, finalityDepth: 4 }))).toBe("idle");
});
