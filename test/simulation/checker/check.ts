// The independent judge of a run. It shares no code with src/: it reads the chain, Postgres and the proxy's record.
import { type BiddingRules, replayBidding } from "./bidding.ts";
import { readChain } from "./canonical.ts";
import { checkLateness, type Disturbance } from "./lateness.ts";
import { checkMeetings } from "./meetings.ts";
import { checkOutcomes } from "./outcomes.ts";
import { checkProjections } from "./projections.ts";
import type { RawWatch } from "./raw-watch.ts";
import { withDatabase, type World } from "./sources.ts";
import { checkOperations, checkTransactions } from "./transactions.ts";
import { Findings, type Violation } from "./violations.ts";

export interface Verdict {
  readonly violations: readonly Violation[];
  /** How much there was to judge. */
  readonly counted: Readonly<Record<string, number>>;
}

/** Judges a run that is at rest. */
export async function check(
  world: World,
  rules: BiddingRules,
  watch: RawWatch,
  disturbances: readonly Disturbance[],
): Promise<Verdict> {
  const findings = new Findings();
  findings.list.push(...watch.findings.list);
  const chain = await readChain(world);
  const reference = replayBidding(world, chain, rules, findings);
  checkOutcomes(chain, reference, findings);
  checkLateness(chain, reference, disturbances, findings);
  const counted = await withDatabase(world.databaseUrl, async (query) => {
    const transactions = await query("SELECT * FROM chain_transactions ORDER BY created_at, hash");
    const operations = await query("SELECT * FROM chain_operations");
    await checkTransactions(world, chain, transactions, watch.seen, findings);
    checkOperations(chain, operations, findings);
    await checkProjections(query, chain, findings);
    await checkMeetings(query, chain, findings);
    return {
      blocks: chain.head.number,
      auctions: reference.size,
      logs: chain.logs.length,
      operations: operations.length,
      transactions: transactions.length,
      raws: watch.seen.length,
    };
  });
  return { violations: findings.list, counted };
}
