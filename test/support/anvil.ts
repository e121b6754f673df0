// A chain for tests, and control over its clock.
import type { JsonRpcProvider } from "ethers";

export { anvilAccounts, resolveAnvilBinary, startAnvil } from "../../dev/chain/anvil.ts";
export type { Anvil, AnvilAccount, AnvilOptions } from "../../dev/chain/anvil.ts";

/** Mines blocks, each `intervalS` later than the one before. */
export async function mine(provider: JsonRpcProvider, blocks = 1, intervalS = 1): Promise<void> {
  await provider.send("anvil_mine", [`0x${blocks.toString(16)}`, `0x${intervalS.toString(16)}`]);
}

/** Moves the chain's clock, from the next block on. */
export async function increaseTime(provider: JsonRpcProvider, seconds: number): Promise<void> {
  await provider.send("evm_increaseTime", [seconds]);
}

/** The exact timestamp of the next block, whatever the wall clock says. */
export async function setNextBlockTimestamp(
  provider: JsonRpcProvider,
  timestampS: number,
): Promise<void> {
  await provider.send("evm_setNextBlockTimestamp", [timestampS]);
}

/**
 * Gives the next block a time `seconds` after the newest one, or after `earliestS` when that is later, and returns it. A chain that
 * mines by itself may make a block between reading and setting: then it is read again.
 */
export async function moveClock(
  provider: JsonRpcProvider,
  earliestS: number,
  seconds: number,
): Promise<number> {
  for (;;) {
    const atS = Math.max(earliestS, await latestTimestamp(provider)) + seconds;
    try {
      await setNextBlockTimestamp(provider, atS);
      return atS;
    } catch (error) {
      if (!/lower than previous block/.test(String(error))) throw error;
    }
  }
}

/**
 * anvil answers a send before it has made the block, and on a slow machine long before. Waits for that block, when the node makes one
 * for each transaction and can include this one.
 */
export async function awaitOwnBlock(
  call: (method: string, parameters: readonly unknown[]) => Promise<unknown>,
  hash: string,
): Promise<void> {
  while ((await call("anvil_getAutomine", [])) === true) {
    const sent = (await call("eth_getTransactionByHash", [hash])) as SentTransaction | null;
    if (sent === null || sent.blockNumber !== null) return;
    // It waits for another one to come before it.
    const next = await call("eth_getTransactionCount", [sent.from, "latest"]);
    if (Number(sent.nonce) > Number(next)) return;
  }
}

interface SentTransaction {
  readonly blockNumber: string | null;
  readonly from: string;
  readonly nonce: string;
}

/** The timestamp of the newest block. */
export async function latestTimestamp(provider: JsonRpcProvider): Promise<number> {
  const block: { readonly timestamp: string } = await provider.send("eth_getBlockByNumber", [
    "latest",
    false,
  ]);
  return Number(block.timestamp);
}
