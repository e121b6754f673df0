// What every contract test needs: a chain with the contracts on it, its clock in hand, events and errors decoded.
import { readFileSync } from "node:fs";
import { Interface, JsonRpcProvider, Result, getAddress } from "ethers";
import type { MeetingAuctionConfig } from "../../contracts/deploy.ts";
import { meetingAuctionInterface, meetingPassInterface } from "../../src/chain/contracts.ts";
import { deployQuickly } from "./deploy-quickly.ts";
import { ContractRevert, expectRevert } from "./reverts.ts";
import type { Decoded } from "./reverts.ts";
import { latestTimestamp, moveClock, setNextBlockTimestamp, startAnvil } from "../support/anvil.ts";
import type { Anvil, AnvilOptions } from "../support/anvil.ts";

export interface Receipt {
  readonly gasUsed: bigint;
  readonly timestampS: number;
  readonly logs: readonly Decoded[];
  readonly contractAddress: string | null;
}

export interface SendOptions {
  readonly valueWei?: bigint;
  /** Timestamp of the block it is mined in; by default one second after the newest. */
  readonly atS?: number;
  readonly gasLimit?: bigint;
}

export interface CreateParams {
  readonly salt: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly meetingStart: number;
  readonly meetingDurationS: number;
  readonly reservePriceWei: bigint;
  readonly minIncrementWei: bigint;
  readonly transferable: boolean;
}

export const DURATION_S = 100;
export const RESERVE_WEI = 1_000n;
const GAS_LIMIT = 5_000_000n;

export { ContractRevert, expectRevert };
export type { Decoded };

interface RawReceipt {
  readonly status: string;
  readonly gasUsed: string;
  readonly blockTimestamp: string;
  readonly transactionHash: string;
  readonly contractAddress: string | null;
  readonly logs: readonly {
    readonly address: string;
    readonly topics: string[];
    readonly data: string;
  }[];
}

export function readArtifact(path: string): {
  readonly abi: [];
  readonly bytecode: string;
  readonly deployedBytecode: string;
} {
  return JSON.parse(
    readFileSync(new URL(`../../contracts/artifacts/${path}.json`, import.meta.url), "utf8"),
  );
}

export class AuctionChain {
  readonly anvil: Anvil;
  readonly provider: JsonRpcProvider;
  readonly auction: string;
  readonly pass: string;
  readonly admin: string;
  readonly operator: string;
  readonly feeRecipient: string;
  readonly host: string;
  /** Accounts without any part of their own. */
  readonly people: readonly string[];
  nowS: number;
  #saltCount = 0;

  private constructor(
    anvil: Anvil,
    provider: JsonRpcProvider,
    auction: string,
    pass: string,
    nowS: number,
  ) {
    this.anvil = anvil;
    this.provider = provider;
    this.auction = auction;
    this.pass = pass;
    this.nowS = nowS;
    const [admin = "", operator = "", feeRecipient = "", host = "", ...people] = anvil.accounts.map(
      (a) => a.address,
    );
    this.admin = admin;
    this.operator = operator;
    this.feeRecipient = feeRecipient;
    this.host = host;
    this.people = people;
  }

  static async start(
    config: Partial<MeetingAuctionConfig> = {},
    anvilOptions: AnvilOptions = {},
  ): Promise<AuctionChain> {
    const anvil = await startAnvil(anvilOptions);
    try {
      const options = { cacheTimeout: -1, batchMaxCount: 1 };
      const provider = new JsonRpcProvider(anvil.rpcUrl, undefined, options);
      const { auction, pass } = await deployQuickly(provider, anvil.accounts, config);
      const nowS = await latestTimestamp(provider);
      return new AuctionChain(anvil, provider, auction, pass, nowS);
    } catch (error) {
      await anvil.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.provider.destroy();
    await this.anvil.stop();
  }

  person(index: number): string {
    const address = this.people[index];
    if (address === undefined) throw new Error(`there are only ${this.people.length} people`);
    return address;
  }

  /** Calls a function of the auction contract in a block of its own. */
  async send(
    from: string,
    method: string,
    args: readonly unknown[] = [],
    options: SendOptions = {},
  ): Promise<Receipt> {
    const data = meetingAuctionInterface.encodeFunctionData(method, args);
    return this.transact(from, this.auction, data, options);
  }

  /** The same for the pass contract. */
  async sendPass(
    from: string,
    method: string,
    args: readonly unknown[] = [],
    options: SendOptions = {},
  ): Promise<Receipt> {
    const data = meetingPassInterface.encodeFunctionData(method, args);
    return this.transact(from, this.pass, data, options);
  }

  async transact(
    from: string,
    to: string | null,
    data: string,
    options: SendOptions = {},
  ): Promise<Receipt> {
    // Blocks that somebody else mined meanwhile follow the wall clock, which on a slow machine may be ahead.
    const atS = options.atS ?? (await moveClock(this.provider, this.nowS, 1));
    if (options.atS !== undefined) await setNextBlockTimestamp(this.provider, atS);
    // A gas limit of our own: with an estimate, a revert would be found before the transaction is ever mined.
    const gas = `0x${(options.gasLimit ?? GAS_LIMIT).toString(16)}`;
    const value = `0x${(options.valueWei ?? 0n).toString(16)}`;
    const transaction = to === null ? { from, data, gas, value } : { from, to, data, gas, value };
    const raw: RawReceipt = await this.provider.send("eth_sendTransactionSync", [transaction]);
    this.nowS = atS;
    if (Number(raw.status) === 0)
      throw new ContractRevert(await this.#whyReverted(raw.transactionHash));
    return {
      gasUsed: BigInt(raw.gasUsed),
      timestampS: Number(raw.blockTimestamp),
      logs: raw.logs.map((log) => this.#decodeLog(log)),
      contractAddress: raw.contractAddress,
    };
  }

  async read(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#call(this.auction, meetingAuctionInterface, method, args);
  }

  async readPass(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#call(this.pass, meetingPassInterface, method, args);
  }

  async credits(account: string): Promise<bigint> {
    return BigInt(String(await this.read("credits", account)));
  }

  async state(auctionId: bigint): Promise<Record<string, unknown>> {
    const result = await this.read("auctionState", auctionId);
    if (!(result instanceof Result)) throw new Error("auctionState gives a struct");
    return result.toObject();
  }

  async deploy(artifact: string, ...args: readonly unknown[]): Promise<string> {
    const { abi, bytecode } = readArtifact(artifact);
    const encoded = new Interface(abi).encodeDeploy(args);
    const receipt = await this.transact(this.admin, null, bytecode + encoded.slice(2), {
      gasLimit: 15_000_000n,
    });
    return getAddress(String(receipt.contractAddress));
  }

  params(overrides: Partial<CreateParams> = {}): CreateParams {
    this.#saltCount += 1;
    const endTime = overrides.endTime ?? this.nowS + 1 + DURATION_S;
    return {
      salt: `0x${this.#saltCount.toString(16).padStart(64, "0")}`,
      startTime: 0,
      endTime,
      meetingStart: overrides.meetingStart ?? endTime + 50,
      meetingDurationS: 600,
      reservePriceWei: RESERVE_WEI,
      minIncrementWei: 10n,
      transferable: false,
      ...overrides,
    };
  }

  /** An auction of `this.host` that is open for `DURATION_S` from its block on. */
  async create(overrides: Partial<CreateParams> = {}): Promise<bigint> {
    const { logs } = await this.send(this.host, "createAuction", [this.params(overrides)]);
    return BigInt(String(logs[0]?.[1]));
  }

  async bid(auctionId: bigint, bidder: string, valueWei: bigint, atS?: number): Promise<Receipt> {
    return this.send(
      bidder,
      "bid",
      [auctionId],
      atS === undefined ? { valueWei } : { valueWei, atS },
    );
  }

  /** Jumps to the end time and ends. */
  async end(auctionId: bigint): Promise<Receipt> {
    const { endTime } = await this.state(auctionId);
    return this.send(this.person(5), "endAuctions", [[auctionId]], {
      atS: Math.max(Number(endTime), this.nowS + 1),
    });
  }

  /** An ended auction with one bid of `amountWei`. */
  async sold(
    winner: string,
    amountWei: bigint,
    overrides: Partial<CreateParams> = {},
  ): Promise<bigint> {
    const auctionId = await this.create(overrides);
    await this.bid(auctionId, winner, amountWei);
    await this.end(auctionId);
    return auctionId;
  }

  async #call(
    to: string,
    abi: Interface,
    method: string,
    args: readonly unknown[],
  ): Promise<unknown> {
    const data: string = await this.provider.send("eth_call", [
      { to, data: abi.encodeFunctionData(method, args) },
      "latest",
    ]);
    const result = abi.decodeFunctionResult(method, data);
    return result.length === 1 ? result[0] : result;
  }

  #decodeLog(log: RawReceipt["logs"][number]): Decoded {
    const isPass = log.address.toLowerCase() === this.pass.toLowerCase();
    const parsed = (isPass ? meetingPassInterface : meetingAuctionInterface).parseLog(log);
    return parsed === null ? ["unknown log"] : [parsed.name, ...parsed.args];
  }

  async #whyReverted(hash: string): Promise<Decoded> {
    const trace: { output?: string } = await this.provider.send("debug_traceTransaction", [
      hash,
      { tracer: "callTracer", tracerConfig: { onlyTopCall: true } },
    ]);
    const output = trace.output ?? "0x";
    const parsed =
      output === "0x"
        ? null
        : (meetingAuctionInterface.parseError(output) ?? meetingPassInterface.parseError(output));
    return parsed === null ? ["no reason"] : [parsed.name, ...parsed.args];
  }
}
