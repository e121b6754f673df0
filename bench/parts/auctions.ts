// People who create, bid and end, and what the chain says came of it. Nothing here is asked of the product.
import { randomBytes } from "node:crypto";
import { Wallet } from "ethers";
import { anvilAccounts } from "../../dev/chain/anvil.ts";
import { FAILURE_REASONS, meetingAuctionInterface } from "../../src/chain/contracts.ts";
import { sleep } from "../bench.ts";
import { hex, rpc } from "./rpc.ts";

const GWEI = 10n ** 9n;
/** The deployer and the platform have the first two. */
const FIRST_PERSON = 2;

/** A wallet that counts its own nonces, so that many transactions can be on their way. */
export class Person {
  readonly #wallet: Wallet;
  readonly #rpcUrl: string;
  readonly #chainId: number;
  #first: Promise<number> | undefined;
  #sent = 0;

  constructor(rpcUrl: string, chainId: number, index: number) {
    const account = anvilAccounts(FIRST_PERSON + index + 1)[FIRST_PERSON + index];
    this.#wallet = new Wallet(account?.privateKey ?? "");
    this.#rpcUrl = rpcUrl;
    this.#chainId = chainId;
  }

  /** Signs and sends; resolves with the hash when the node took it. */
  async send(
    to: string,
    data: string,
    options: { readonly valueWei?: bigint; readonly gas: number; readonly tipGwei?: bigint },
  ): Promise<string> {
    this.#first ??= rpc<string>(this.#rpcUrl, "eth_getTransactionCount", [
      this.#wallet.address,
      "pending",
    ]).then(Number);
    const offset = this.#sent++;
    const nonce = (await this.#first) + offset;
    const raw = await this.#wallet.signTransaction({
      type: 2,
      chainId: this.#chainId,
      nonce,
      to,
      data,
      value: options.valueWei ?? 0n,
      gasLimit: options.gas,
      maxPriorityFeePerGas: (options.tipGwei ?? 1n) * GWEI,
      maxFeePerGas: 100n * GWEI,
    });
    return rpc<string>(this.#rpcUrl, "eth_sendRawTransaction", [raw]);
  }
}

export interface Place {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly auction: string;
}

/** Puts auctions up, one for each end time (seconds), and waits until all are on the chain. Their ids are 1, 2, 3… */
export async function createAuctions(
  place: Place,
  host: Person,
  endTimesS: readonly number[],
): Promise<void> {
  for (const endTime of endTimesS) {
    const data = meetingAuctionInterface.encodeFunctionData("createAuction", [
      {
        salt: `0x${randomBytes(32).toString("hex")}`,
        startTime: 0,
        endTime,
        // Long after the bench: no meeting begins meanwhile.
        meetingStart: endTime + 86_400,
        meetingDurationS: 1_800,
        reservePriceWei: 1n,
        minIncrementWei: 1n,
        transferable: false,
      },
    ]);
    await host.send(place.auction, data, { gas: 300_000 });
  }
  const count = async (): Promise<number> =>
    Number(
      await rpc(place.rpcUrl, "eth_call", [
        { to: place.auction, data: meetingAuctionInterface.encodeFunctionData("auctionCount") },
        "latest",
      ]),
    );
  while ((await count()) < endTimesS.length) await sleep(200);
}

export const bid = (place: Place, bidder: Person, id: number, amountWei: bigint): Promise<string> =>
  bidder.send(place.auction, meetingAuctionInterface.encodeFunctionData("bid", [id]), {
    valueWei: amountWei,
    gas: 200_000,
  });

/** Somebody else ends an auction, and pays more than the platform to come first. */
export const endByOther = (place: Place, person: Person, id: number): Promise<string> =>
  person.send(place.auction, meetingAuctionInterface.encodeFunctionData("endAuctions", [[id]]), {
    gas: 150_000,
    tipGwei: 20n,
  });

export interface ChainRecord {
  /** By block number. */
  readonly timestampS: ReadonlyMap<number, number>;
  /** Final end time of each auction created, by id. */
  readonly endTimeS: ReadonlyMap<number, number>;
  readonly ended: ReadonlyMap<number, { readonly block: number; readonly hash: string }>;
  readonly failed: readonly {
    readonly id: number;
    readonly reason: number;
    readonly block: number;
    readonly hash: string;
  }[];
  readonly extended: number;
  /** Transactions of the platform that reverted as a whole. */
  readonly reverted: readonly string[];
}

interface Log {
  readonly topics: string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly transactionHash: string;
}

/** Everything that happened, read from the chain after the fact. */
export async function readChain(place: Place, platform: string): Promise<ChainRecord> {
  const head = Number(await rpc(place.rpcUrl, "eth_blockNumber"));
  const logs = await rpc<Log[]>(place.rpcUrl, "eth_getLogs", [
    { address: place.auction, fromBlock: "0x0", toBlock: hex(head) },
  ]);
  const timestampS = new Map<number, number>();
  const reverted: string[] = [];
  for (let number = 0; number <= head; number += 1) {
    const block = await rpc<{ timestamp: string; transactions: string[] }>(
      place.rpcUrl,
      "eth_getBlockByNumber",
      [hex(number), false],
    );
    timestampS.set(number, Number(block.timestamp));
    if (block.transactions.length === 0) continue;
    const receipts = await rpc<{ from: string; status: string; transactionHash: string }[]>(
      place.rpcUrl,
      "eth_getBlockReceipts",
      [hex(number)],
    );
    for (const one of receipts)
      if (one.from.toLowerCase() === platform.toLowerCase() && one.status !== "0x1")
        reverted.push(one.transactionHash);
  }
  const endTimeS = new Map<number, number>();
  const ended = new Map<number, { block: number; hash: string }>();
  const failed = [];
  let extended = 0;
  for (const log of logs) {
    const event = meetingAuctionInterface.parseLog(log);
    if (event === null || event.args["auctionId"] === undefined) continue;
    const id = Number(event.args["auctionId"]);
    const at = { block: Number(log.blockNumber), hash: log.transactionHash };
    switch (event.name) {
      case "AuctionCreated":
        endTimeS.set(id, Number(event.args["endTime"]));
        break;
      case "BidPlaced":
        if (Number(event.args["endTime"]) !== endTimeS.get(id)) extended += 1;
        endTimeS.set(id, Number(event.args["endTime"]));
        break;
      case "AuctionEnded":
        ended.set(id, at);
        break;
      case "AuctionEndFailed":
        failed.push({ id, reason: Number(event.args["reason"]), ...at });
        break;
    }
  }
  return { timestampS, endTimeS, ended, failed, extended, reverted };
}

/** How many auctions have ended by now. */
export async function countEnded(place: Place): Promise<number> {
  const topic = meetingAuctionInterface.getEvent("AuctionEnded")?.topicHash;
  const logs = await rpc<Log[]>(place.rpcUrl, "eth_getLogs", [
    { address: place.auction, topics: [topic], fromBlock: "0x0", toBlock: "latest" },
  ]);
  return logs.length;
}

/** How many blocks after the first eligible one each auction ended; one that never did is missing. */
export function latenessInBlocks(record: ChainRecord): Map<number, number> {
  const numbers = [...record.timestampS.keys()].toSorted((a, b) => a - b);
  return new Map(
    [...record.ended].map(([id, { block }]) => {
      const endTimeS = record.endTimeS.get(id) ?? Number.NaN;
      const first = numbers.find((number) => (record.timestampS.get(number) ?? 0) >= endTimeS);
      return [id, block - (first ?? Number.NaN)];
    }),
  );
}

/** Ends that came too early, so that their transaction was wasted on them. */
export const wasted = (record: ChainRecord): ChainRecord["failed"] =>
  record.failed.filter((one) => one.reason === FAILURE_REASONS.NOT_YET_ENDED);
