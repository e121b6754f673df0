import type { Wallet } from "ethers";
import type { Node } from "./node.ts";

const FUNDS_WEI = 10n ** 21n;
/** Enough that the node takes it in place of whatever the platform offered for the nonce. */
const FOREIGN_FEE_WEI = 10n ** 12n;

/** The platform's wallets from outside: what they own, and somebody else who holds their keys too. */
export class Money {
  readonly #node: Node;
  readonly #wallets: readonly Wallet[];

  constructor(node: Node, wallets: readonly Wallet[]) {
    this.#node = node;
    this.#wallets = wallets;
  }

  /** Gives every wallet funds but the one that is to have none. A reorg may have taken an earlier call back. */
  async allFunded(except?: number): Promise<void> {
    const exceptIndex = except === undefined ? undefined : except % this.#wallets.length;
    for (const [index, { address }] of this.#wallets.entries()) {
      const wei = index === exceptIndex ? 0n : FUNDS_WEI;
      await this.#node.send("anvil_setBalance", address, `0x${wei.toString(16)}`);
    }
  }

  /** A transaction that is none of the platform's uses the next nonce of a wallet. */
  async useNonce(index: number, chainId: number): Promise<void> {
    const wallet = this.#wallets[index % this.#wallets.length];
    if (wallet === undefined) return;
    const raw = await wallet.signTransaction({
      type: 2,
      chainId,
      nonce: await this.#node.nonce(wallet.address, "latest"),
      to: wallet.address,
      value: 1n,
      gasLimit: 21_000,
      maxFeePerGas: FOREIGN_FEE_WEI,
      maxPriorityFeePerGas: FOREIGN_FEE_WEI,
    });
    // Without funds there is no such transaction.
    await this.#node.send("eth_sendRawTransaction", raw).catch(() => undefined);
  }
}
