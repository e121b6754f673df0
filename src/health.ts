import type { Connection } from "@temporalio/client";
import type { Rounds } from "./activities/rounds.ts";
import type { JsonRpc } from "./chain/rpc.ts";
import { latestBlock } from "./chain/types.ts";
import type { Database } from "./db/database.ts";
import { messageOf } from "./errors.ts";

export interface HealthReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** A part that does not answer within this is as good as away. */
const CHECK_TIMEOUT_MS = 2_000;

async function check(
  work: () => Promise<string | undefined>,
): Promise<{ ok: boolean; detail?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)),
      CHECK_TIMEOUT_MS,
    );
  });
  try {
    const detail = await Promise.race([work(), late]);
    return detail === undefined ? { ok: true } : { ok: true, detail };
  } catch (error) {
    return { ok: false, detail: messageOf(error).slice(0, 200) };
  } finally {
    clearTimeout(timer);
  }
}

export interface HealthOptions {
  readonly db: Database;
  readonly temporal: Connection;
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly rounds: Rounds;
}

/** A round that has lasted longer is a job that nobody does, in milliseconds. */
const ROUND_TOO_LONG_MS = 30_000;

/** Asks every part that this process cannot work without; each answer names the part. */
export function createHealth(options: HealthOptions): () => Promise<HealthReport> {
  return async () => {
    const stuck = [...options.rounds.ages()].filter(([, ms]) => ms > ROUND_TOO_LONG_MS);
    const [[job, ms] = ["", 0]] = stuck;
    const rounds =
      stuck.length === 0
        ? { ok: true }
        : { ok: false, detail: `no round of ${job} has ended for ${Math.round(ms / 1_000)} s` };
    const [postgres, temporal, chain] = await Promise.all([
      check(async () => {
        await options.db.query("SELECT 1");
        return undefined;
      }),
      check(async () => {
        await options.temporal.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () =>
          options.temporal.workflowService.getSystemInfo({}),
        );
        return undefined;
      }),
      check(
        async () => `block ${(await latestBlock(options.rpc)).number} of chain ${options.chainId}`,
      ),
    ]);
    return {
      ready: postgres.ok && temporal.ok && chain.ok && rounds.ok,
      checks: { postgres, temporal, chain, rounds },
    };
  };
}
