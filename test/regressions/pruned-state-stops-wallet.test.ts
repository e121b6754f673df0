// Nodes keep the state of about 128 blocks. transactionOfNonce asks for older counts; callAll turns the node's RpcError into
// an AppError, which the catch does not catch: every round of the wallet fails from then on.
import { Wallet } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a nonce that somebody used, whose state is pruned, does not stop the wallet", async () => {
  const [first = 0n, second = 0n] = await engine.due(2);
  const key = await engine.ask("end", first);
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  await (await engine.sender()).tick();
  const [ours] = await engine.transactions();
  const nonce = Number(ours?.["nonce"]);
  const raw = await new Wallet(engine.signer.privateKey).signTransaction({
    type: 2,
    chainId: engine.chainId,
    nonce,
    to: engine.chain.person(1),
    value: 1n,
    gasLimit: 21_000,
    maxFeePerGas: 10n ** 12n,
    maxPriorityFeePerGas: 10n ** 10n,
  });
  await engine.chain.provider.send("eth_sendRawTransaction", [raw]);
  // The worker was away: what it signed is older than the states the node keeps.
  for (let block = 0; block < 12; block += 1) await engine.mine();
  const keeps = 4;
  engine.rpc.before = async (method, [, at]) => {
    if (method !== "eth_getTransactionCount" || !String(at).startsWith("0x")) return;
    if (Number(at) < (await engine.blockNumber()) - keeps)
      throw new RpcError(
        method,
        -32_000,
        "missing trie node 00aa (path ) state 0xaa is not available",
      );
  };
  const sender = await engine.sender({ finalityDepth: 5 });
  const later = await engine.ask("end", second);
  for (let block = 0; block < 24; block += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(later)).toMatchObject({ settled: true });
  expect(await engine.operation(key)).toMatchObject({ settled: true });
});
