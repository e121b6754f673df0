// An operation that was included without effect gets another nonce, and at no instant are two of them on their way.
import { expect, test } from "@jest/globals";
import { Transaction, Wallet } from "ethers";
import type { WalletSender } from "../../src/chain/sending/sender.ts";
import { rememberSecrets } from "../support/logs.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
let auctionId: bigint;
let key: string;
eachTestHasAnEngine(async (one) => {
  engine = one;
  auctionId = await engine.chain.create({ endTime: engine.chain.nowS + 60 });
  await engine.automine(false);
});

/** An end that came too early, in a confirmed block. */
async function endInVain(sender: WalletSender): Promise<Record<string, unknown>> {
  key = await engine.ask("end", auctionId);
  await engine.rounds(
    sender,
    async () => (await engine.operation(key))["reason"] === "not_yet_ended",
  );
  const [early] = await engine.transactions();
  return early ?? {};
}

async function endTimeComes(): Promise<void> {
  engine.chain.nowS = Number((await engine.chain.state(auctionId))["endTime"]);
  await engine.mine(0);
}

async function otherSender(finalityDepth: number): Promise<WalletSender> {
  const signer = new Wallet(engine.chain.anvil.accounts[8]?.privateKey ?? "");
  rememberSecrets(signer.privateKey, signer.privateKey.slice(2));
  return engine.sender({ signer, finalityDepth });
}

test("the wallet whose nonce carried it sends it anew; another one only when nothing can take that back", async () => {
  const first = await engine.sender({ finalityDepth: 8 });
  const second = await otherSender(8);
  const early = await endInVain(first);
  await endTimeComes();
  await second.tick();
  expect(await engine.transactions()).toHaveLength(1);
  // The first wallet is gone. Its nonce becomes final all the same.
  const finalAt = Number(early["block_number"]) + 8;
  await engine.rounds(second, () => engine.isSettled(key));
  const anew = (await engine.transactions()).find((one) => one["hash"] !== early["hash"]);
  expect(anew?.["wallet"]).not.toBe(early["wallet"]);
  expect(Number(anew?.["signed_at_block"])).toBeGreaterThanOrEqual(finalAt);
});

test("what is taken back between the signing and the sending is not sent under two nonces", async () => {
  const sender = await engine.sender({ confirmations: 2 });
  const early = await endInVain(sender);
  await endTimeComes();
  const earlyBlock = Number(early["block_number"]);
  const height = `0x${earlyBlock.toString(16)}`;
  // The reorg comes right after the sender has looked whether the block still stands.
  let isTakenBack = false;
  engine.rpc.after = async (method, [number], answer) => {
    const hasLooked = method === "eth_getBlockByNumber" && number === height;
    const isStored = (await engine.transactions()).length > 1;
    if (hasLooked && !isStored && !isTakenBack) {
      isTakenBack = true;
      await engine.reorg((await engine.blockNumber()) - earlyBlock + 1);
    }
    return answer;
  };
  // Whatever passes: which nonces of the wallet were used by confirmed transactions at that instant?
  const passed: { readonly nonce: number; readonly confirmed: number; readonly ends: boolean }[] =
    [];
  engine.rpc.before = async (method, [raw]) => {
    if (method !== "eth_sendRawTransaction") return;
    const { nonce, data } = Transaction.from(String(raw));
    const confirmedBlock = Math.max(0, (await engine.blockNumber()) - 1);
    const confirmed = await engine.chain.provider.getTransactionCount(
      engine.signer.address,
      confirmedBlock,
    );
    passed.push({ nonce, confirmed, ends: data !== "0x" });
  };
  await sender.tick();
  expect(isTakenBack).toBe(true);
  engine.chain.nowS = Number((await engine.chain.state(auctionId))["endTime"]);
  await engine.rounds(sender, () => engine.isSettled(key));
  const ofSecondNonce = passed.filter(
    (one) => one.nonce === Number(early["nonce"]) + 1 && one.ends,
  );
  expect(ofSecondNonce.length).toBeGreaterThan(0);
  for (const one of ofSecondNonce) expect(one.confirmed).toBeGreaterThan(Number(early["nonce"]));
  expect(Number((await engine.chain.state(auctionId))["state"])).toBe(2);
});
