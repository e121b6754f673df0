import { isContractSignatureValid } from "./contract-signatures.ts";
import { AUCTION_STATES, meetingAuctionInterface, meetingPassInterface } from "./contracts.ts";
import { type JsonRpc, RpcError } from "./rpc.ts";
import { HexData, latestBlock, receiptOf } from "./types.ts";
import { ZERO_ADDRESS } from "./indexing/projection.ts";

async function ethCall(rpc: JsonRpc, to: string, data: string, block: string): Promise<string> {
  return rpc.call(HexData, "eth_call", [{ to, data }, block]);
}

/** What the contract says about an auction right now. */
export interface AuctionOnChain {
  readonly state: number;
  readonly endTimeS: number;
  readonly winner: string | null;
  readonly highBidWei: string;
  /** Ended, settled or cancelled: nothing about its winner changes any more. */
  readonly over: boolean;
}

/** Reads `auctionState(id)` at the latest block. */
export async function readAuctionState(
  rpc: JsonRpc,
  auctionContract: string,
  auctionId: string,
): Promise<AuctionOnChain> {
  const data = meetingAuctionInterface.encodeFunctionData("auctionState", [BigInt(auctionId)]);
  const [view] = meetingAuctionInterface.decodeFunctionResult(
    "auctionState",
    await ethCall(rpc, auctionContract, data, "latest"),
  );
  const state = Number(view.state);
  const bidder = String(view.highBidder).toLowerCase();
  const over = state === AUCTION_STATES.ENDED || state === AUCTION_STATES.CLOSED;
  return {
    state,
    endTimeS: Number(view.endTime),
    winner: over && bidder !== ZERO_ADDRESS ? bidder : null,
    highBidWei: String(view.highBidWei),
    over,
  };
}

export interface CreatedAuction {
  readonly auctionId: string;
  readonly host: string;
}

/** What a transaction that claims to have created an auction did. Addresses are lower-case. */
export type CreationCheck =
  | { readonly status: "pending" | "reverted" | "other" }
  | {
      readonly status: "created";
      /** A bundle of a contract wallet, or a multicall, can create several, for several hosts. */
      readonly auctions: readonly [CreatedAuction, ...CreatedAuction[]];
      readonly blockNumber: number;
      readonly confirmations: number;
    };

/** Who owned a pass (lower-case; null: it did not exist), and at which block that was read. */
export interface PassOwnership {
  readonly owner: string | null;
  readonly blockNumber: number;
  readonly blockHash: string;
}

/** Reads the chain for the API. Every method throws AppError `rpc_unavailable` (retry) when no endpoint answers. */
export interface ChainReader {
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
  auctionsCreatedIn(transactionHash: string): Promise<CreationCheck>;
  /** Who owns a pass now. */
  passOwner(tokenId: string): Promise<PassOwnership>;
  /** EIP-1271 and EIP-6492: whether the contract that is, or can be, at `address` accepts the signature. */
  isContractSignatureValid(address: string, hash: string, signature: string): Promise<boolean>;
  head(): Promise<{ readonly number: number; readonly hash: string; readonly timestampS: number }>;
}

export interface ChainReaderOptions {
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
}

export function createChainReader(options: ChainReaderOptions): ChainReader {
  const { rpc, auctionContract, passContract } = options;
  return {
    chainId: options.chainId,
    auctionContract,
    passContract,

    async auctionsCreatedIn(transactionHash) {
      const receipt = await receiptOf(rpc, transactionHash);
      if (receipt === null) return { status: "pending" };
      if (receipt.status !== 1) return { status: "reverted" };
      const [first, ...others] = receipt.logs
        .filter((log) => log.address === auctionContract)
        .map((log) => meetingAuctionInterface.parseLog(log))
        .filter((event) => event?.name === "AuctionCreated")
        .map((event) => ({
          auctionId: String(event?.args["auctionId"]),
          host: String(event?.args["host"]).toLowerCase(),
        }));
      if (first === undefined) return { status: "other" };
      const head = await latestBlock(rpc);
      const confirmations = Math.max(0, head.number - receipt.blockNumber + 1);
      const { blockNumber } = receipt;
      return { status: "created", auctions: [first, ...others], blockNumber, confirmations };
    },

    async passOwner(tokenId) {
      const head = await latestBlock(rpc);
      const at = { blockNumber: head.number, blockHash: head.hash };
      const data = meetingPassInterface.encodeFunctionData("ownerOf", [BigInt(tokenId)]);
      try {
        const [owner] = meetingPassInterface.decodeFunctionResult(
          "ownerOf",
          await ethCall(rpc, passContract, data, `0x${head.number.toString(16)}`),
        );
        return { owner: String(owner).toLowerCase(), ...at };
      } catch (error) {
        // ERC721NonexistentToken: not minted, or burned. Any other error of the node says nothing about the owner.
        const reverted =
          error instanceof RpcError &&
          meetingPassInterface.parseError(typeof error.data === "string" ? error.data : "0x")
            ?.name === "ERC721NonexistentToken";
        if (!reverted) throw error;
        return { owner: null, ...at };
      }
    },

    isContractSignatureValid: (address, hash, signature) =>
      isContractSignatureValid(rpc, address, hash, signature),

    head: () => latestBlock(rpc),
  };
}

/** Reads the address of the pass contract from the auction contract. @throws RpcError when there is no such contract. */
export async function readPassContract(rpc: JsonRpc, auctionContract: string): Promise<string> {
  const data = meetingAuctionInterface.encodeFunctionData("pass", []);
  const [pass] = meetingAuctionInterface.decodeFunctionResult(
    "pass",
    await ethCall(rpc, auctionContract, data, "latest"),
  );
  return String(pass).toLowerCase();
}

/** Whether the account may mint and settle. */
export async function isOperator(
  rpc: JsonRpc,
  auctionContract: string,
  account: string,
): Promise<boolean> {
  const role = await ethCall(
    rpc,
    auctionContract,
    meetingAuctionInterface.encodeFunctionData("OPERATOR_ROLE", []),
    "latest",
  );
  const data = meetingAuctionInterface.encodeFunctionData("hasRole", [role, account]);
  const [has] = meetingAuctionInterface.decodeFunctionResult(
    "hasRole",
    await ethCall(rpc, auctionContract, data, "latest"),
  );
  return has === true;
}

/** The rules every auction of the contract follows. */
export interface AuctionRules {
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly minDurationS: number;
  readonly maxDurationS: number;
  readonly minIncrementBps: number;
  /** How long after a meeting's end anyone may have the host paid, if it was not settled. */
  readonly releaseGraceS: number;
}

export async function readAuctionRules(
  rpc: JsonRpc,
  auctionContract: string,
): Promise<AuctionRules> {
  const data = meetingAuctionInterface.encodeFunctionData("config", []);
  const [config] = meetingAuctionInterface.decodeFunctionResult(
    "config",
    await ethCall(rpc, auctionContract, data, "latest"),
  );
  const rule = (name: keyof AuctionRules): number => Number(config[name]);
  return {
    timeBufferS: rule("timeBufferS"),
    maxExtensionS: rule("maxExtensionS"),
    minDurationS: rule("minDurationS"),
    maxDurationS: rule("maxDurationS"),
    minIncrementBps: rule("minIncrementBps"),
    releaseGraceS: rule("releaseGraceS"),
  };
}
