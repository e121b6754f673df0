// Fees and money that once held up a wallet, or that it burned.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { describe, expect, test } from "@jest/globals";
import { Transaction } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { eachTestHasAnEngine } from "../chain/shared-chain.ts";
import type { Engine } from "../chain/support.ts";

let engine: Engine;
eachTestHasAnEngine((next) => {
  engine = next;
});

// A fee spike above the mint cap (env.example: mint 200, end 500 gwei): the held mint keeps its nonce, and ends, whose cap
// allows the market, wait behind it.
describe("held-mint-blocks-end", () => {
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
});

// marketFees asks the preferred endpoint only: JsonRpc.call throws an RpcError "about the request" at once, without asking the
// next endpoint and without a fallback (eth_gasPrice minus the base fee). The wallet sends nothing at all.
describe("method-not-supported", () => {
  test.each([1, 2])(
    "a node without eth_maxPriorityFeePerGas among %i keeps no end from being sent",
    async (count) => {
      const [auctionId = 0n] = await engine.due(1);
      const key = await engine.ask("end", auctionId);
      const rpc = engine.endpoints(count);
      rpc.before = async (method, _parameters, index) => {
        if (method === "eth_maxPriorityFeePerGas" && index === 0)
          throw new RpcError(
            method,
            -32_601,
            "the method eth_maxPriorityFeePerGas does not exist/is not available",
          );
      };
      const sender = await engine.sender({ rpc });
      for (let block = 0; block < 5; block += 1) {
        await sender.tick();
        await engine.mine();
      }
      expect(await engine.operation(key)).toMatchObject({ settled: true });
    },
  );
});

// A node that is still syncing answers eth_getBalance with 0. One such endpoint among several pauses the wallet for ever.
describe("one-poor-endpoint", () => {
  test("a wallet is not paused because one endpoint, which is behind, knows nothing of its money", async () => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    const rpc = engine.endpoints(3);
    rpc.after = async (method, _parameters, answer, index) =>
      method === "eth_getBalance" && index === 2 ? "0x0" : answer;
    const sender = await engine.sender({ rpc });
    for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(await engine.operation(key)).toMatchObject({ settled: true });
  });
});

// One refusal of a replacement (a limit of the node, a proxy's fee cap, that is lifted later) marks the first transaction
// held: 'refused' for ever. It is never outbid again, and every nonce behind it waits.
describe("refused-replacement", () => {
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
});

// A wallet that cannot pay for the whole batch signs nothing, although it could pay for a smaller one.
describe("small-purse", () => {
  test("the only wallet ends the auctions that it has money for", async () => {
    const ids = await engine.due(30);
    for (const id of ids) await engine.ask("end", id);
    const head = await engine.chain.provider.getBlock("latest");
    const maxFeeWei = 2n * (head?.baseFeePerGas ?? 0n) + 10n ** 9n;
    // 450,000 gas for 30 ends are too much; 125,000 for five are not.
    await engine.chain.provider.send("anvil_setBalance", [
      engine.signer.address,
      `0x${(maxFeeWei * 150_000n).toString(16)}`,
    ]);
    await engine.mine();
    const sender = await engine.sender();
    for (let block = 0; block < 6; block += 1) {
      await sender.tick();
      await engine.mine();
    }
    const [row] = await engine.db.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM chain_operations WHERE state <> 'pending'",
    );
    expect(row?.n).toBeGreaterThan(0);
  });
});

describe("small-tip", () => {
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
});

// Bytes that every node refuses for good are made void and asked for again at once, without a limit: each try leaves a nonce
// that a paid cancel fills. Up to 16 cancels a block, for ever.
describe("void-burns-money", () => {
  test("an operation whose bytes are refused each time is given up, and does not burn money for ever", async () => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    engine.rpc.before = async (method, [raw]) => {
      if (method === "eth_sendRawTransaction" && Transaction.from(String(raw)).data !== "0x")
        throw new RpcError(method, -32_000, "intrinsic gas too low");
    };
    const sender = await engine.sender();
    for (let block = 0; block < 40; block += 1) {
      await sender.tick();
      await engine.mine(60);
    }
    const cancels = (await engine.transactions()).filter((one) => one["kind"] === "cancel");
    expect({ cancels: cancels.length, state: (await engine.operation(key))["state"] }).toEqual({
      cancels: Math.min(cancels.length, 8),
      state: "refused",
    });
  });
});

// The same as void-burns-money with several ticks between two blocks, as in production (a poll each fifth of a block time).
describe("void-burns-per-block", () => {
  test("one refused operation costs at most one cancel a block", async () => {
    const [auctionId = 0n] = await engine.due(1);
    await engine.ask("end", auctionId);
    engine.rpc.before = async (method, [raw]) => {
      if (method === "eth_sendRawTransaction" && Transaction.from(String(raw)).data !== "0x")
        throw new RpcError(method, -32_000, "intrinsic gas too low");
    };
    await engine.automine(false);
    const sender = await engine.sender();
    const blocks = 6;
    for (let block = 0; block < blocks; block += 1) {
      for (let tick = 0; tick < 10; tick += 1) await sender.tick();
      await engine.mine();
    }
    const cancels = (await engine.transactions()).filter((one) => one["kind"] === "cancel");
    expect(cancels.length).toBeLessThanOrEqual(blocks);
  });
});
