// Nonces that once held up a wallet: taken by others, lied about, pruned, or final and then dropped.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { describe, expect, test } from "@jest/globals";
import { Wallet } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { eachTestHasAnEngine } from "../chain/shared-chain.ts";
import type { Engine } from "../chain/support.ts";

let engine: Engine;
eachTestHasAnEngine((next) => {
  engine = next;
});

// The indexer follows reorgs down to twice the finality depth; the sender never looks at what is final again: the nonce is a
// hole, everything behind it waits for ever, nobody is told, and the end is never sent again.
describe("deep-reorg-of-finals", () => {
  test("a reorg that the indexer follows does not leave a hole in the nonces", async () => {
    const [first = 0n, second = 0n] = await engine.due(2);
    const early = await engine.ask("end", first);
    const sender = await engine.sender({ finalityDepth: 3 });
    await engine.rounds(sender, async () => (await engine.operation(early))["state"] === "final");
    await engine.automine(false);
    const depth =
      (await engine.blockNumber()) - Number((await engine.transactions())[0]?.["block_number"]) + 1;
    expect(depth).toBeLessThan(6);
    await engine.reorg(depth);
    await engine.chain.provider.send("anvil_dropAllTransactions", []);
    engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
    const late = await engine.ask("end", second);
    for (let block = 0; block < 30; block += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(String((await engine.chain.state(second))["state"])).toBe("2");
    expect(String((await engine.chain.state(first))["state"])).toBe("2");
    expect(await engine.operation(late)).toMatchObject({ settled: true });
  });
});

// A pool shows a transaction of this wallet that is not stored (a restored backup, a second user of the key) and that is never
// included (too cheap), or it shows a count that is wrong. The sender counts the nonce as taken, closeGaps does not look below
// the pending count, and everything behind it waits for ever.
describe("foreign-pending-blocks", () => {
  test("a nonce that a pool calls taken, but that is neither ours nor ever included, does not hold up the wallet for ever", async () => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    const latest = await engine.chain.provider.getTransactionCount(engine.signer.address);
    engine.rpc.after = async (method, [, at], answer) =>
      method === "eth_getTransactionCount" && at === "pending"
        ? `0x${Math.max(Number(answer), latest + 1).toString(16)}`
        : answer;
    const sender = await engine.sender();
    for (let block = 0; block < 40 && !(await engine.isSettled(key)); block += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(await engine.operation(key)).toMatchObject({ settled: true });
  });
});

// One answer of one endpoint, once, decides about the next nonce. Whatever is signed at a nonce nobody can reach is lost for
// ever (rule 5), or costs thousands of cancels.
describe("pending-lie", () => {
  test("one absurd count of one endpoint does not send an end to a nonce that cannot be reached", async () => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    const rpc = engine.endpoints(3);
    const latest = await engine.chain.provider.getTransactionCount(engine.signer.address);
    let lied = false;
    rpc.after = async (method, [, at], answer, index) => {
      if (method !== "eth_getTransactionCount" || at !== "pending" || index !== 2 || lied)
        return answer;
      lied = true;
      return "0x3b9aca00";
    };
    const sender = await engine.sender({ rpc });
    await sender.tick();
    const [first] = await engine.transactions();
    expect(Number(first?.["nonce"] ?? latest)).toBeLessThan(latest + 64);
    await engine.rounds(sender, () => engine.isSettled(key));
  });
});

// Nodes keep the state of about 128 blocks. transactionOfNonce asks for older counts; callAll turns the node's RpcError into
// an AppError, which the catch does not catch: every round of the wallet fails from then on.
describe("pruned-state-stops-wallet", () => {
  /** A worker that was away while somebody used the nonce it had signed for: an operation, and another one after it. */
  async function stolen(): Promise<{ readonly key: string; readonly second: bigint }> {
    const [first = 0n, second = 0n] = await engine.due(2);
    const key = await engine.ask("end", first);
    engine.rpc.before = async (method) => {
      if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
    };
    await (await engine.sender()).tick();
    const [ours] = await engine.transactions();
    const raw = await new Wallet(engine.signer.privateKey).signTransaction({
      type: 2,
      chainId: engine.chainId,
      nonce: Number(ours?.["nonce"]),
      to: engine.chain.person(1),
      value: 1n,
      gasLimit: 21_000,
      maxFeePerGas: 10n ** 12n,
      maxPriorityFeePerGas: 10n ** 10n,
    });
    await engine.send("eth_sendRawTransaction", raw);
    // What it signed is older than the states the node keeps.
    for (let block = 0; block < 12; block += 1) await engine.mine();
    return { key, second };
  }

  /** The node says so of every state that is older than four blocks. */
  function forgetStates(message: string): void {
    engine.rpc.before = async (method, [, at]) => {
      if (method !== "eth_getTransactionCount" || !String(at).startsWith("0x")) return;
      if (Number(at) < (await engine.blockNumber()) - 4)
        throw new RpcError(method, -32_000, message);
    };
  }

  test.each([
    ["pruned", "missing trie node 00aa (path ) state 0xaa is not available", true],
    ["not to be had now", "50/second request limit reached - reduce calls per second", false],
    ["of a block that a node lacks", "header not found", false],
  ])(
    "a used nonce whose state is %s stops no other; only a pruned one is given up",
    async (_how, message, isGivenUp) => {
      const { key, second } = await stolen();
      forgetStates(message);
      const sender = await engine.sender({ finalityDepth: 5 });
      const later = await engine.ask("end", second);
      for (let block = 0; block < 24; block += 1) {
        await sender.tick();
        await engine.mine();
      }
      expect(await engine.operation(later)).toMatchObject({ settled: true });
      expect(await engine.operation(key)).toMatchObject({ settled: isGivenUp });
      engine.rpc.calm();
      await engine.rounds(sender, () => engine.isSettled(key));
    },
  );
});

// Signing is deterministic: the same replacement of the same transaction at the same market is the same hash, and the second
// INSERT breaks the primary key. The round throws a plain pg error, so inRounds gives the leadership back; the next leader too.
describe("same-hash-twice", () => {
  test("a replacement for moved operations that nodes refuse does not break every round", async () => {
    const { chain } = engine;
    const auctionId = await chain.create({ endTime: chain.nowS + 200 });
    await engine.automine(false);
    const sender = await engine.sender({ finalityDepth: 20 });
    // Too early: included without effect, so the operation moves on and waits for its time.
    const key = await engine.ask("end", auctionId);
    await engine.rounds(
      sender,
      async () =>
        (await engine.operation(key))["attempts"] !== undefined &&
        (await engine.operation(key))["reason"] === "not_yet_ended",
    );
    const [mined] = await engine.transactions();
    // It has gone out under another nonce since.
    await engine.db.query(
      "UPDATE chain_operations SET state = 'signed', wallet = $1, nonce = 999 WHERE key = $2",
      [engine.signer.address.toLowerCase(), key],
    );
    const depth = (await engine.blockNumber()) - Number(mined?.["block_number"]) + 1;
    await engine.reorg(depth);
    await chain.provider.send("anvil_dropAllTransactions", []);
    chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
    const first = mined?.["raw_transaction"];
    engine.rpc.before = async (method, [raw]) => {
      if (method !== "eth_sendRawTransaction") return;
      throw raw === first
        ? new Error("the network is gone")
        : new RpcError(
            method,
            -32_000,
            "tx fee (1.10 ether) exceeds the configured cap (1.00 ether)",
          );
    };
    for (let block = 0; block < 6; block += 1) {
      await engine.mine();
      await sender.tick();
    }
    const hashes = (await engine.transactions()).map((one) => one["hash"]);
    expect(hashes.length).toBeGreaterThan(1);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test("a database whose clock has gone back does not break every round", async () => {
    const gwei = 10n ** 9n;
    const setBaseFee = (wei: bigint): Promise<unknown> =>
      engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
    const [auctionId = 0n] = await engine.due(1);
    await engine.automine(false);
    await setBaseFee(gwei);
    await engine.mine();
    await engine.ask("end", auctionId);
    const sender = await engine.sender();
    await sender.tick();
    const round = async (): Promise<void> => {
      await setBaseFee(20n * gwei);
      await engine.mine();
      await sender.tick();
    };
    engine.rpc.before = async (method) => {
      if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
    };
    while ((await engine.transactions()).length < 2) await round();
    // What a fail-over to a database server whose clock is behind gives: created_at is the order that newestOfEachNonce trusts.
    await engine.db.query(
      "UPDATE chain_transactions SET created_at = created_at - interval '1 minute' WHERE replaces IS NOT NULL",
    );
    for (let block = 0; block < 8; block += 1) await round();
    const hashes = (await engine.transactions()).map((one) => one["hash"]);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
