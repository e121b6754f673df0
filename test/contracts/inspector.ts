// Reads everything the auction contract knows in one call (contracts/test/Inspector.sol).
import { Interface, ZeroAddress } from "ethers";
import { readArtifact } from "./harness.ts";
import type { AuctionChain } from "./harness.ts";

export interface Snapshot {
  readonly balanceWei: bigint;
  readonly credits: readonly bigint[];
  readonly passBalances: readonly bigint[];
  readonly auctions: readonly {
    readonly state: number;
    readonly endTime: number;
    readonly originalEndTime: number;
    readonly highBidder: string | undefined;
    readonly highBidWei: bigint;
    readonly isMinted: boolean;
    readonly outcome: number;
    readonly passOwner: string | undefined;
  }[];
}

const inspectorInterface = new Interface(readArtifact("test/Inspector").abi);
const orUndefined = (address: string): string | undefined =>
  address === ZeroAddress ? undefined : address;

export class Inspector {
  readonly #chain: AuctionChain;
  readonly #address: string;

  private constructor(chain: AuctionChain, address: string) {
    this.#chain = chain;
    this.#address = address;
  }

  static async deploy(chain: AuctionChain): Promise<Inspector> {
    return new Inspector(chain, await chain.deploy("test/Inspector"));
  }

  async look(accounts: readonly string[]): Promise<Snapshot> {
    const data = inspectorInterface.encodeFunctionData("inspect", [this.#chain.auction, accounts]);
    const answer: string = await this.#chain.provider.send("eth_call", [
      { to: this.#address, data },
      "latest",
    ]);
    const [raw] = inspectorInterface.decodeFunctionResult("inspect", answer);
    return {
      balanceWei: raw.balanceWei,
      credits: [...raw.credits],
      passBalances: [...raw.passBalances],
      auctions: [...raw.auctions].map((auction, index) => ({
        state: Number(auction.state),
        endTime: Number(auction.endTime),
        originalEndTime: Number(auction.originalEndTime),
        highBidder: orUndefined(auction.highBidder),
        highBidWei: auction.highBidWei,
        isMinted: auction.minted,
        outcome: Number(auction.outcome),
        passOwner: orUndefined(raw.passOwners[index]),
      })),
    };
  }
}
