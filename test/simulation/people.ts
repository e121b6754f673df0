import { Interface, keccak256, toUtf8Bytes, Wallet } from "ethers";
import type { Node } from "./node.ts";
import type { Plan } from "./plan.ts";
import { type Act, PEOPLE } from "./plan-auctions.ts";

const CONTRACT = new Interface([
  "function createAuction((bytes32 salt, uint64 startTime, uint64 endTime, uint64 meetingStart, uint32 meetingDurationS, uint128 reservePriceWei, uint128 minIncrementWei, bool transferable)) returns (uint256)",
  "function bid(uint256) payable",
  "function cancel(uint256)",
  "function endAuctions(uint256[])",
  "function auctionIdOf(address, bytes32) view returns (uint256)",
]);

/** People pay whatever it takes, so that only the platform's transactions feel the market. */
const MAX_FEE_WEI = 10n ** 13n;
const GAS_LIMIT = 500_000;

/** Hosts, bidders and a stranger: they act on the node directly, as they have providers of their own. */
export class People {
  readonly wallets: readonly Wallet[];
  readonly #node: Node;
  readonly #plan: Plan;
  readonly #contract: string;
  readonly #startS: number;
  /** Which act a transaction of theirs was. */
  readonly #acts = new Map<string, Act>();

  constructor(node: Node, plan: Plan, contract: string, startS: number) {
    this.#node = node;
    this.#plan = plan;
    this.#contract = contract;
    this.#startS = startS;
    this.wallets = Array.from(
      { length: PEOPLE.count },
      (_, index) => new Wallet(keccak256(toUtf8Bytes(`person ${index} of ${plan.seed}`))),
    );
  }

  async fund(): Promise<void> {
    for (const { address } of this.wallets)
      await this.#node.send("anvil_setBalance", address, `0x${(10n ** 24n).toString(16)}`);
  }

  actOf(hash: string): Act | undefined {
    return this.#acts.get(hash);
  }

  /** Signs and sends one act; what the contract thinks of it shows in the block. */
  async act(act: Act): Promise<void> {
    const wallet = this.wallets[act.by];
    const auction = this.#plan.auctions[act.auction];
    if (wallet === undefined || auction === undefined) throw new Error("the plan is broken");
    const salt = keccak256(toUtf8Bytes(`auction ${auction.index}`));
    let data: string;
    if (act.kind === "create") {
      const endTime = this.#startS + auction.endsAtS;
      data = CONTRACT.encodeFunctionData("createAuction", [
        {
          salt,
          startTime: 0,
          endTime,
          meetingStart: endTime + auction.meetingAfterS,
          meetingDurationS: auction.meetingDurationS,
          reservePriceWei: auction.reserveWei,
          minIncrementWei: auction.minIncrementWei,
          transferable: auction.transferable,
        },
      ]);
    } else {
      const id = await this.#auctionId(auction.host, salt);
      // A reorg has taken the creation back: there is nothing to bid on.
      if (id === 0n) return;
      data =
        act.kind === "end"
          ? CONTRACT.encodeFunctionData("endAuctions", [[id]])
          : CONTRACT.encodeFunctionData(act.kind, [id]);
    }
    const raw = await wallet.signTransaction({
      type: 2,
      chainId: this.#plan.chainId,
      nonce: await this.#node.nonce(wallet.address, "pending"),
      to: this.#contract,
      data,
      value: act.kind === "bid" ? BigInt(act.amountWei) : 0n,
      gasLimit: GAS_LIMIT,
      maxFeePerGas: MAX_FEE_WEI,
      maxPriorityFeePerGas: 10n ** 9n,
    });
    this.#acts.set(keccak256(raw), act);
    await this.#node.send("eth_sendRawTransaction", raw);
  }

  async #auctionId(host: number, salt: string): Promise<bigint> {
    const data = CONTRACT.encodeFunctionData("auctionIdOf", [this.wallets[host]?.address, salt]);
    const answer = await this.#node.send<string>(
      "eth_call",
      { to: this.#contract, data },
      "latest",
    );
    return BigInt(answer);
  }
}
