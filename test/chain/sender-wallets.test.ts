// Several wallets share the work; one without money leaves it to the others; none pays more than the cap.
import { expect, test } from "@jest/globals";
import { Wallet } from "ethers";
import { type SenderObserver, SILENT } from "../../src/chain/observer.ts";
import type { FeeCaps } from "../../src/chain/sending/fees.ts";
import { rememberSecrets } from "../support/logs.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

const allSettled = async (keys: readonly string[]): Promise<boolean> => {
  for (const key of keys) if ((await engine.operation(key))["settled"] !== true) return false;
  return true;
};

/** Another wallet that may end auctions. */
async function secondWallet(): Promise<Wallet> {
  const signer = new Wallet(engine.chain.anvil.accounts[8]?.privateKey ?? "");
  rememberSecrets(signer.privateKey, signer.privateKey.slice(2));
  return signer;
}

async function setBalance(address: string, wei: bigint): Promise<void> {
  await engine.chain.provider.send("anvil_setBalance", [address, `0x${wei.toString(16)}`]);
}

test("two wallets take half of what is due each", async () => {
  const ids = await engine.due(6);
  const other = await secondWallet();
  const senders = [
    await engine.sender({ maxBatchItems: 1 }),
    await engine.sender({ maxBatchItems: 1, signer: other }),
  ];
  const keys: string[] = [];
  for (const id of ids) keys.push(await engine.ask("end", id));
  await senders[0]?.tick();
  await senders[1]?.tick();
  const byWallet = Map.groupBy(await engine.transactions(), (one) => one["wallet"]);
  // The second takes its half of what the first left, and the rest in the rounds that follow.
  expect(byWallet.get(engine.signer.address.toLowerCase())).toHaveLength(3);
  expect(byWallet.get(other.address.toLowerCase())?.length).toBeGreaterThan(0);
  await engine.rounds(senders, () => allSettled(keys));
  expect(await engine.transactions()).toHaveLength(6);
});

test("a wallet without money signs nothing, says so, and its work is done by the others without a hole", async () => {
  const ids = await engine.due(2);
  const other = await secondWallet();
  await setBalance(engine.signer.address, 1n);
  const poor = await engine.sender();
  const rich = await engine.sender({ signer: other });
  const keys: string[] = [];
  for (const id of ids) keys.push(await engine.ask("end", id));
  await poor.tick();
  expect(await engine.transactions()).toHaveLength(0);
  await engine.rounds([poor, rich], () => allSettled(keys));
  expect(new Set((await engine.transactions()).map((one) => one["wallet"]))).toEqual(
    new Set([other.address.toLowerCase()]),
  );
  const [row] = await engine.db.query(
    "SELECT state, reason FROM chain_wallets WHERE address = $1",
    [engine.signer.address.toLowerCase()],
  );
  expect(row).toEqual({ state: "paused", reason: "no funds" });
  // With money it works again.
  await setBalance(engine.signer.address, 10n ** 18n);
  const [later = 0n] = await engine.due(1);
  const key = await engine.ask("end", later);
  await poor.tick();
  await engine.rounds(poor, () => allSettled([key]));
});

test("a wallet never signs more than it can pay for", async () => {
  const ids = await engine.due(4);
  for (const id of ids) await engine.ask("end", id);
  await engine.automine(false);
  const signed: unknown[] = [];
  engine.rpc.before = async (method) =>
    void (method === "eth_sendRawTransaction" && signed.push(method));
  // A first transaction tells what one costs.
  const rich = await engine.sender({ maxBatchItems: 1, signer: await secondWallet() });
  await rich.tick();
  const costs = (await engine.transactions()).map(
    (one) => BigInt(String(one["gas_limit"])) * BigInt(String(one["max_fee_per_gas_wei"])),
  );
  expect(costs).toHaveLength(4);
  const more = await Promise.all([5, 6, 7, 8].map((id) => engine.ask("mint", String(id))));
  expect(more).toHaveLength(4);
  const mintWei = ((costs[0] ?? 0n) * 350_000n) / 73_000n;
  await setBalance(engine.signer.address, (mintWei * 5n) / 2n);
  const poor = await engine.sender({ maxBatchItems: 1 });
  await poor.tick();
  const mine = (await engine.transactions()).filter(
    (one) => one["wallet"] === engine.signer.address.toLowerCase(),
  );
  expect(mine).toHaveLength(2);
  expect(mine.every((one) => one["last_send_error"] === null)).toBe(true);
});

test("a silent wallet takes no share", async () => {
  const ids = await engine.due(4);
  await engine.db.query(
    `INSERT INTO chain_wallets (chain_id, address, in_flight, seen_at) VALUES ($1, $2, 0, now() - interval '1 minute')`,
    [engine.chainId, `0x${"11".repeat(20)}`],
  );
  const sender = await engine.sender({ maxBatchItems: 1 });
  for (const id of ids) await engine.ask("end", id);
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(4);
});

const gwei = 10n ** 9n;
const setBaseFee = (wei: bigint): Promise<unknown> =>
  engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
const capsOf = (wei: bigint): FeeCaps => ({ end: wei, mint: wei, settle: wei, cancel: wei });

test("what the cap cannot pay for is not signed, operators are told once, and it goes out when the market falls", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  await engine.automine(false);
  await setBaseFee(40n * gwei);
  await engine.mine();
  const hits: string[] = [];
  const observer: SenderObserver = { ...SILENT, feeCapHit: (kind) => void hits.push(kind) };
  const sender = await engine.sender({ feeCaps: capsOf(30n * gwei), observer });
  for (let block = 0; block < 5; block += 1) {
    await sender.tick();
    await setBaseFee(40n * gwei);
    await engine.mine();
  }
  expect(await engine.transactions()).toEqual([]);
  expect(hits).toEqual(["end"]);
  await setBaseFee(gwei);
  await engine.rounds(sender, () => allSettled([key]));
});

test("a transaction that the market has left behind is held at the cap, told of once, and sent again all the same", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  await engine.automine(false);
  await setBaseFee(20n * gwei);
  await engine.mine();
  const hits: string[] = [];
  const observer: SenderObserver = { ...SILENT, feeCapHit: (kind) => void hits.push(kind) };
  const sender = await engine.sender({ feeCaps: capsOf(30n * gwei), observer });
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
  let sends = 0;
  engine.rpc.before = async (method) => void (method === "eth_sendRawTransaction" && (sends += 1));
  for (let block = 0; block < 8; block += 1) {
    await setBaseFee(40n * gwei);
    await engine.mine();
    await sender.tick();
  }
  const [held, ...more] = await engine.transactions();
  expect(more).toEqual([]);
  expect(held).toMatchObject({ held_reason: "fee_cap" });
  expect(hits).toEqual(["end"]);
  expect(sends).toBeGreaterThan(2);
  await setBaseFee(gwei);
  await engine.rounds(sender, () => allSettled([key]));
  expect((await engine.transactions())[0]).toMatchObject({ held_reason: null });
});

test("an end tells how many blocks late it was", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  await engine.automine(false);
  const late: unknown[] = [];
  const sender = await engine.sender({
    observer: { ...SILENT, deadline: (one) => void late.push(one) },
  });
  const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  // Nobody sends until three blocks could have held it.
  while (chain.nowS < endsAtS + 2) await engine.mine();
  await engine.rounds(sender, () => allSettled([key]));
  expect(late).toEqual([{ blocks: 3, seconds: 3 }]);
});
