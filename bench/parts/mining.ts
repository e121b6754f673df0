import { setTimeout as wait } from "node:timers/promises";
import { rpc } from "./rpc.ts";

/** Lets the chain make no more blocks by itself. */
export async function stopMining(rpcUrl: string): Promise<void> {
  await rpc(rpcUrl, "evm_setAutomine", [false]);
  await rpc(rpcUrl, "evm_setIntervalMining", [0]);
}

/** Mines a block every so many seconds again. */
export const resumeMining = (rpcUrl: string, blockTimeS: number): Promise<unknown> =>
  rpc(rpcUrl, "evm_setIntervalMining", [blockTimeS]);

/** Mines at random moments, 1 to 20 s apart; each block carries the time at which it was made. */
export async function mineIrregularly(rpcUrl: string): Promise<{ stop(): Promise<void> }> {
  await stopMining(rpcUrl);
  const stopping = new AbortController();
  const mining = (async () => {
    for (;;) {
      await rpc(rpcUrl, "evm_mine");
      await wait(1_000 + Math.random() * 19_000, undefined, { signal: stopping.signal });
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    async stop() {
      stopping.abort();
      await mining;
    },
  };
}
