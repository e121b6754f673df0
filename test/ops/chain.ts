// The chain of a stage: people who act on it, and control over its clock.
import { randomBytes } from "node:crypto";
import { Contract, JsonRpcProvider, type Log, NonceManager, Wallet } from "ethers";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import type { AuctionRef } from "../../src/domain/process.ts";
import { type Anvil, latestTimestamp, mine, setNextBlockTimestamp } from "../support/anvil.ts";

const CHAIN_ID = 31_337;
/** More than any call of these tests uses. Without it ethers would ask, and block for block. */
const GAS_LIMIT = 2_000_000n;

export interface Lot {
  readonly bid?: boolean;
  readonly meetingInS?: number;
  readonly durationS?: number;
  /** Leaves the chain without new blocks: the auction cannot end before `go()`. */
  readonly held?: boolean;
  /** Mines blocks until the newest is at its end, instead of having it come with time. */
  readonly over?: boolean;
}

export class StageChain {
  readonly provider: JsonRpcProvider;
  readonly #address: string;
  /** 0 is the deployer and admin, 1 the platform, from 2 on people. */
  readonly #people: readonly NonceManager[];

  /** How many seconds the chain is behind this machine's clock, until blocks are mined ahead. */
  readonly #lagS: number;
  /** The time that `go` has set last: anvil takes no earlier one, though no block may have it yet. */
  #setS = 0;

  constructor(anvil: Anvil, address: string, lagS: number) {
    this.#address = address;
    this.#lagS = lagS;
    this.provider = new JsonRpcProvider(anvil.rpcUrl, CHAIN_ID, {
      staticNetwork: true,
      cacheTimeout: -1,
      batchMaxCount: 1,
    });
    this.provider.pollingInterval = 50;
    this.#people = anvil.accounts.map(
      (one) => new NonceManager(new Wallet(one.privateKey, this.provider)),
    );
  }

  close(): void {
    this.provider.destroy();
  }

  async rpc(method: string, ...params: unknown[]): Promise<unknown> {
    return this.provider.send(method, params);
  }

  /** Stops the chain: no block is made until `go()`, so nothing on it can be too late. */
  async hold(): Promise<void> {
    await this.rpc("evm_setIntervalMining", 0);
  }

  /** A block each second again, with the time of this machine less the lag. */
  async go(): Promise<void> {
    const nowS = Math.floor(Date.now() / 1_000) - this.#lagS;
    this.#setS = Math.max(nowS, await latestTimestamp(this.provider));
    await this.rpc("anvil_setTime", this.#setS);
    await this.rpc("evm_setIntervalMining", 1);
  }

  /** The time of the newest block, in seconds. */
  newestS(): Promise<number> {
    return latestTimestamp(this.provider);
  }

  /** Blocks at once, each a second after the one before. */
  async mine(blocks: number): Promise<void> {
    await mine(this.provider, blocks);
  }

  /** Sends a call and returns the logs of its receipt. */
  async call(person: number, name: string, ...args: unknown[]): Promise<readonly Log[]> {
    const sent = await this.#send(person, name, args);
    return (await sent.wait()).logs;
  }

  /** The same on a chain that is held: the call has a block of its own, a second after the newest. */
  async #callHeld(person: number, name: string, args: readonly unknown[]): Promise<readonly Log[]> {
    const sent = await this.#send(person, name, args);
    await setNextBlockTimestamp(this.provider, Math.max((await this.newestS()) + 1, this.#setS));
    await this.rpc("evm_mine");
    return (await sent.wait()).logs;
  }

  async #send(index: number, name: string, args: readonly unknown[]) {
    const person = this.#people[index];
    if (person === undefined) throw new Error(`there is no person ${index}`);
    const contract = new Contract(this.#address, meetingAuctionInterface, person);
    const last = args.at(-1);
    const given = typeof last === "object" && last !== null && "value" in last ? last : undefined;
    const overrides = { gasLimit: GAS_LIMIT, ...given };
    const rest = given === undefined ? args : args.slice(0, -1);
    return contract.getFunction(name)(...rest, overrides);
  }

  /**
   * An auction of person 2 that ends so many seconds from now, and, with a bid, is won by person 3. The chain is held
   * meanwhile, so the bid is in time however slow the machine is.
   */
  async create(endsInS: number, options: Lot = {}): Promise<string> {
    await this.hold();
    const endTime = Math.max(await this.newestS(), this.#setS) + endsInS;
    const created = await this.#callHeld(2, "createAuction", [
      {
        salt: `0x${randomBytes(32).toString("hex")}`,
        startTime: 0,
        endTime,
        meetingStart: endTime + (options.meetingInS ?? 86_400),
        meetingDurationS: options.durationS ?? 1_800,
        reservePriceWei: 1_000n,
        minIncrementWei: 1n,
        transferable: false,
      },
    ]);
    const event = created
      .map((log) => meetingAuctionInterface.parseLog(log))
      .find((one) => one?.name === "AuctionCreated");
    const auctionId = String(event?.args["auctionId"]);
    if (options.bid === true) await this.#callHeld(3, "bid", [auctionId, { value: 5_000n }]);
    if (options.over === true) await this.mine(endTime - (await this.newestS()));
    if (options.held !== true) await this.go();
    return auctionId;
  }

  /** After a reorg, or when somebody else used an account: nonces are asked for again. */
  forgetNonces(): void {
    for (const person of this.#people) person.reset();
  }

  ref(auctionId: string): AuctionRef {
    return { chainId: CHAIN_ID, contract: this.#address.toLowerCase(), auctionId };
  }

  /** When the contract says that an auction ends, in seconds. */
  async endOf(auctionId: string): Promise<number> {
    const contract = new Contract(this.#address, meetingAuctionInterface, this.provider);
    const view = await contract.getFunction("auctionState")(auctionId);
    return Number(view.endTime);
  }
}
