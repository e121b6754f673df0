import { AppError } from "../../errors.ts";
import { RpcError } from "../rpc.ts";

/**
 * Runs the steps of a round one after the other. One that fails because a node does not answer does not keep the later ones from
 * their work; the round fails all the same, so that it is tried again.
 * @throws the first failure
 */
export async function inTurn(
  onProgress: (() => void) | undefined,
  steps: readonly (() => Promise<void>)[],
): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    onProgress?.();
    try {
      await step();
    } catch (error) {
      const passes =
        error instanceof RpcError ||
        (error instanceof AppError && ["rpc_unavailable", "wrong_chain"].includes(error.code));
      if (!passes) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
