// A wallet with little money and a price that rises for a moment: what can be paid at today's price is sent.
import { expect, test } from "@jest/globals";
import { RpcError } from "../../src/chain/rpc.ts";
import { gasLimit } from "../../src/chain/sending/calls.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

const GWEI = 10n ** 9n;
const setBaseFee = (wei: bigint): Promise<unknown> =>
  engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
const setBalance = (wei: bigint): Promise<unknown> =>
  engine.chain.provider.send("anvil_setBalance", [engine.signer.address, `0x${wei.toString(16)}`]);
/** One block at this price. */
async function mineAt(wei: bigint): Promise<void> {
  await setBaseFee(wei);
  await engine.mine();
}

test("an end that is too dear while the price is high is sent when it has fallen", async () => {
  const [id = 0n] = await engine.due(1);
  await mineAt(200n * GWEI);
  await setBalance(2n * 10n ** 16n);
  const sender = await engine.sender();
  const key = await engine.ask("end", id);
  await sender.tick();
  expect(await engine.transactions()).toEqual([]);
  await mineAt(GWEI);
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
  await engine.rounds(sender, () => engine.isSettled(key));
});

test("a mint that cannot be paid keeps no end back that can", async () => {
  const [id = 0n] = await engine.due(1);
  await mineAt(GWEI);
  // A gas costs about 3 gwei. A mint takes several times the gas of an end.
  await setBalance((BigInt(gasLimit("mint", 1)) * 3n * GWEI) / 2n);
  const sender = await engine.sender({ maxBatchItems: 1 });
  await engine.ask("mint", "4711");
  await sender.tick();
  expect(await engine.transactions()).toEqual([]);
  const key = await engine.ask("end", id);
  await engine.mine();
  await sender.tick();
  expect(await engine.transactions()).toMatchObject([{ kind: "end" }]);
  await engine.rounds(sender, () => engine.isSettled(key));
});

test("no transaction is outbid with one that the wallet cannot pay", async () => {
  const [id = 0n] = await engine.due(1);
  await mineAt(GWEI);
  const balanceWei = 10n ** 15n;
  await setBalance(balanceWei);
  await engine.automine(false);
  const sender = await engine.sender();
  const key = await engine.ask("end", id);
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
  for (let block = 0; block < 6; block += 1) {
    await mineAt(181n * GWEI);
    await sender.tick();
  }
  expect(await engine.transactions()).toHaveLength(1);
  await setBaseFee(GWEI);
  await engine.rounds(sender, () => engine.isSettled(key));
  for (const one of await engine.transactions())
    expect(
      BigInt(String(one["gas_limit"])) * BigInt(String(one["max_fee_per_gas_wei"])),
    ).toBeLessThanOrEqual(balanceWei);
});

test("a head far beyond the chain, shown for a moment, keeps no transaction from being sent again", async () => {
  const [id = 0n] = await engine.due(1);
  await engine.automine(false);
  const key = await engine.ask("end", id);
  const sender = await engine.sender();
  engine.rpc.after = async (method, parameters, answer) => {
    if (method !== "eth_getBlockByNumber" || parameters[0] !== "latest") return answer;
    const block = answer as { number: string };
    return { ...block, number: `0x${(Number(block.number) + 10_000).toString(16)}` };
  };
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
  engine.rpc.calm();
  await engine.rounds(sender, () => engine.isSettled(key));
});

test("a head far beyond the chain makes nothing final", async () => {
  const [id = 0n] = await engine.due(1);
  const key = await engine.ask("end", id);
  const sender = await engine.sender();
  await engine.rounds(sender, () => engine.isSettled(key));
  engine.rpc.after = async (method, parameters, answer) => {
    if (method !== "eth_getBlockByNumber" || parameters[0] !== "latest") return answer;
    const block = answer as { number: string };
    return { ...block, number: `0x${(Number(block.number) + 10_000).toString(16)}` };
  };
  await sender.tick();
  expect(await engine.transactions()).toMatchObject([{ state: "mined" }]);
});

test.each([
  ["pending", "of a node alone", 1],
  ["latest", "of one of two nodes", 2],
])("a %s count that is far too high, %s, costs no nonce", async (tag, _of, nodes) => {
  const rpc = engine.endpoints(nodes);
  const sender = await engine.sender({ rpc });
  rpc.after = async (method, parameters, answer, index) =>
    method === "eth_getTransactionCount" && parameters[1] === tag && index === nodes - 1
      ? `0x${(Number(answer) + 200).toString(16)}`
      : answer;
  for (let block = 0; block < 6; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  rpc.calm();
  const [id = 0n] = await engine.due(1);
  const key = await engine.ask("end", id);
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toMatchObject([{ kind: "end", nonce: expect.any(Number) }]);
});

test("a latest count of a node alone that is far too high costs few nonces", async () => {
  const sender = await engine.sender();
  engine.rpc.after = async (method, parameters, answer) =>
    method === "eth_getTransactionCount" && parameters[1] === "latest"
      ? `0x${(Number(answer) + 200).toString(16)}`
      : answer;
  for (let block = 0; block < 4; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  engine.rpc.calm();
  const [id = 0n] = await engine.due(1);
  const key = await engine.ask("end", id);
  await engine.rounds(sender, () => engine.isSettled(key));
  expect((await engine.transactions()).length).toBeLessThan(20);
});

test.each(["invalid chain id for signer", "exceeds block gas limit", "intrinsic gas too low"])(
  "a node of another chain that answers '%s' refuses nothing",
  async (message) => {
    const [id = 0n] = await engine.due(1);
    await engine.automine(false);
    const key = await engine.ask("end", id);
    const sender = await engine.sender();
    engine.rpc.after = async (method, _parameters, answer) =>
      method === "eth_chainId" ? "0x1" : answer;
    engine.rpc.before = async (method) => {
      if (method === "eth_sendRawTransaction") throw new RpcError(method, -32_000, message);
    };
    // What is read is refused: the endpoint is of another chain.
    await sender.tick().catch(() => undefined);
    expect(await engine.transactions()).toMatchObject([{ kind: "end", state: "broadcast" }]);
    engine.rpc.calm();
    await engine.rounds(sender, () => engine.isSettled(key));
    expect(await engine.transactions()).toMatchObject([{ kind: "end", state: "mined" }]);
  },
);

test("a newest block without the one before it is no head to start from", async () => {
  engine.rpc.after = async (method, parameters, answer) => {
    if (method !== "eth_getBlockByNumber" || parameters[0] !== "latest") return answer;
    const block = answer as { number: string };
    return { ...block, number: `0x${(Number(block.number) + 10_000).toString(16)}` };
  };
  await expect(engine.sender()).rejects.toMatchObject({ code: "rpc_unavailable", kind: "retry" });
});

test("another contract's log in our receipt stops nobody", async () => {
  const [id = 0n] = await engine.due(1);
  const key = await engine.ask("end", id);
  engine.rpc.after = async (method, _parameters, answer) => {
    if (method !== "eth_getTransactionReceipt" || answer === null) return answer;
    const receipt = answer as { logs: Record<string, unknown>[] };
    const [own] = receipt.logs;
    const strange = {
      ...own,
      address: `0x${"0".repeat(36)}800a`,
      topics: [
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
        `0x${"0".repeat(64)}`,
      ],
      data: `0x${"1".repeat(64)}`,
    };
    return { ...receipt, logs: [strange, ...receipt.logs] };
  };
  const sender = await engine.sender();
  await engine.rounds(sender, () => engine.isSettled(key));
});

test("what waits is sent again all at once: with a node that is slow the last of many would be late", async () => {
  const ids = await engine.due(3);
  await engine.automine(false);
  const keys: string[] = [];
  for (const id of ids) keys.push(await engine.ask("end", id));
  const sender = await engine.sender({ maxBatchItems: 1 });
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(3);
  // None goes on before all three are on their way.
  let waiting = 0;
  const all = Promise.withResolvers<void>();
  engine.rpc.before = async (method) => {
    if (method !== "eth_sendRawTransaction") return;
    waiting += 1;
    if (waiting === 3) all.resolve();
    await all.promise;
  };
  await engine.mine();
  await sender.tick();
  engine.rpc.calm();
  for (const key of keys) await engine.rounds(sender, () => engine.isSettled(key));
});
