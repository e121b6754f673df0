import { messageOf } from "../errors.ts";
import { checkContract, checkEndpoints, checkRoles, type ChainSight } from "./checks/chain.ts";
import {
  checkClocks,
  checkIndexer,
  checkOutbox,
  checkSchema,
  checkUnreadLogs,
  checkWentBack,
} from "./checks/database.ts";
import { checkFailing, checkLate, checkLost, checkNeedsOperator } from "./checks/processes.ts";
import { checkJobs, checkNamespace, checkPollers, checkSchedule } from "./checks/temporal.ts";
import { checkOperations, checkWallets, type WalletRow, walletsOf } from "./checks/wallets.ts";
import { type Finding, note, problem } from "./finding.ts";
import { DOCTOR_LIMITS, type DoctorLimits } from "./limits.ts";
import type { Sight } from "./sight.ts";

export const AREAS = ["chain", "database", "temporal", "wallets", "processes"] as const;
export type Area = (typeof AREAS)[number];

export type Report = Readonly<Record<Area, readonly Finding[]>>;

/** What each part is called when it does not answer, and what to do. */
const AWAY = {
  database: [
    "database-down",
    "Postgres does not answer",
    "see whether it is up and DATABASE_URL is right",
  ],
  temporal: [
    "temporal-down",
    "the Temporal server does not answer",
    "see whether it is up and TEMPORAL_ADDRESS is right; auctions are ended meanwhile, and their processes go on when it is back",
  ],
} as const;

/**
 * Looks at everything that auctions need, and says what is wrong and what to do. It changes nothing, and it always comes to its
 * end: what cannot be looked at is said too.
 */
export async function examine(sight: Sight, limits: Partial<DoctorLimits> = {}): Promise<Report> {
  const { checkMs, pollerS, reconcileMs } = { ...DOCTOR_LIMITS, ...limits };
  const found: Record<Area, Finding[]> = {
    chain: [],
    database: [],
    temporal: [],
    wallets: [],
    processes: [],
  };
  const check = async (area: Area, what: string, work: () => Promise<Finding[]>): Promise<void> => {
    try {
      found[area].push(...(await limited(work(), checkMs)));
    } catch (error) {
      found[area].push(
        problem(
          "check-failed",
          `${what} could not be looked at: ${messageOf(error)}`,
          "see the other findings",
        ),
      );
    }
  };

  let chain: ChainSight | undefined;
  const [hasDatabase, hasTemporal] = await Promise.all([
    isThere(found, "database", checkMs, () => checkSchema(sight)),
    isThere(found, "temporal", checkMs, () => checkNamespace(sight)),
    check("chain", "the chain", async () => {
      const seen = await checkEndpoints(sight);
      chain = seen.chain;
      return seen.findings;
    }),
  ]);
  const isMigrated = hasDatabase && found.database.length === 0;
  const hasNamespace =
    hasTemporal && !found.temporal.some((one) => one.code === "namespace-missing");

  if (chain !== undefined) {
    const seen = chain;
    await check("chain", "the contract", () => checkContract(sight, seen));
    if (isMigrated) {
      await check("chain", "the indexer", () => checkIndexer(sight, seen));
      await check("chain", "the logs", () => checkUnreadLogs(sight, seen));
      let wallets: WalletRow[] = [];
      await check("wallets", "the wallets", async () => {
        wallets = await walletsOf(sight, seen.chainId);
        return [];
      });
      const served = wallets.filter((one) => !one.silent).map((one) => one.address);
      if (!found.chain.some((one) => one.code === "contract-missing"))
        await check("wallets", "the roles", () => checkRoles(sight, served));
      await check("wallets", "the wallets", () => checkWallets(sight, wallets));
      await check("wallets", "the operations", () => checkOperations(sight, seen));
      await check("processes", "what is late", () => checkLate(sight, seen.chainId));
      if (hasNamespace) {
        await check("temporal", "the jobs", () => checkJobs(sight, seen.chainId, served));
        await check("processes", "lost processes", () => checkLost(sight, seen.chainId));
      }
    }
  }
  if (isMigrated) {
    await check("database", "the outbox", () => checkOutbox(sight));
    await check("database", "the clocks", () => checkClocks(sight));
  }
  if (hasNamespace) {
    await check("temporal", "the workers", () => checkPollers(sight, pollerS));
    await check("temporal", "the Schedule", () => checkSchedule(sight, reconcileMs));
    if (!found.temporal.some((one) => one.code === "search-attributes-missing"))
      await check("processes", "failed steps", () => checkNeedsOperator(sight));
    await check("processes", "failing processes", () => checkFailing(sight));
    if (isMigrated) await check("database", "the age of the database", () => checkWentBack(sight));
  }
  if (chain === undefined || !isMigrated || !hasNamespace)
    found.processes.push(
      note(
        "not-looked-at",
        "not everything could be looked at, because a part it needs is away",
        "mend that first, then ask again",
      ),
    );
  return found;
}

/** Every finding that means that something is wrong. */
export function problemsOf(report: Report): Finding[] {
  return Object.values(report)
    .flat()
    .filter((one) => one.severity === "problem");
}

async function isThere(
  found: Record<Area, Finding[]>,
  area: keyof typeof AWAY,
  checkMs: number,
  work: () => Promise<Finding[]>,
): Promise<boolean> {
  try {
    found[area].push(...(await limited(work(), checkMs)));
    return true;
  } catch (error) {
    const [code, what, todo] = AWAY[area];
    found[area].push(problem(code, `${what} (${messageOf(error).split("\n")[0]})`, todo));
    return false;
  }
}

async function limited<T>(work: Promise<T>, checkMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${checkMs / 1000} s`)), checkMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
