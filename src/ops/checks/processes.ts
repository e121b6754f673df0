import { isRunning, runningProcesses, unfinished } from "../../activities/repairs/processes.ts";
import { MEETING_DUE } from "../../db/vitals.ts";
import { meetingsWithoutRow } from "../../activities/repairs/meetings.ts";
import { auctionWorkflowId, meetingWorkflowId } from "../../domain/process.ts";
import { FAILURE_CODE } from "../../workflows/search-attributes.ts";
import { type Finding, listed, note, problem } from "../finding.ts";
import type { Sight } from "../sight.ts";

/** Seconds after which something that should have happened is late. */
const LATE_AUCTION_S = 60;
const LATE_MEETING_S = 120;
const LATE_SETTLEMENT_S = 1_800;
/** Tries after which a task or a step is not just having bad luck. */
const FAILING_TASKS = 3;
const FAILING_STEPS = 8;
/** Processes that are looked at one by one, and how many at once. */
const LOOKED_AT = 1_000;
const AT_ONCE = 20;

/** What jobs say of themselves that other checks say better: `wallet-paused`, which is no problem, and `indexer-halted`. */
const TOLD_ELSEWHERE = ["wallet:paused", "indexer:halted"];

/** Processes that say themselves that they cannot go on. */
export async function checkNeedsOperator({ client }: Sight): Promise<Finding[]> {
  const query = "NeedsOperator = true AND ExecutionStatus = 'Running'";
  const byCode = new Map<string, string[]>();
  for await (const one of client.workflow.list({ query, pageSize: 200 })) {
    const code = one.typedSearchAttributes.get(FAILURE_CODE) ?? "unknown";
    if (TOLD_ELSEWHERE.includes(code)) continue;
    byCode.set(code, [...(byCode.get(code) ?? []), one.workflowId]);
  }
  return [...byCode].map(([code, ids]) =>
    problem(
      "needs-operator",
      `a step has failed (${code}) in ${listed("process", ids)}`,
      "mend what the code names, then npm run ops -- retry <auction id>, or wait: it is tried again by itself",
    ),
  );
}

/** The ids of what runs beside auctions and meetings, of whatever type: a handful. */
async function runningJobs(client: Sight["client"]): Promise<string[]> {
  const ids: string[] = [];
  const query = "WorkflowType NOT IN ('auction', 'meeting') AND ExecutionStatus = 'Running'";
  for await (const { workflowId } of client.workflow.list({ query, pageSize: LOOKED_AT })) {
    ids.push(workflowId);
    if (ids.length === LOOKED_AT) break;
  }
  return ids;
}

/** Processes whose code, or one step, fails over and over, and steps that somebody paused: what is not shown by the process itself. */
export async function checkFailing({ client }: Sight): Promise<Finding[]> {
  const broken: string[] = [];
  const stuck: string[] = [];
  const paused: string[] = [];
  let why = "";
  const look = async (workflowId: string): Promise<void> => {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    if ((raw.pendingWorkflowTask?.attempt ?? 0) >= FAILING_TASKS) broken.push(workflowId);
    for (const { paused: isPaused, activityId, activityType } of raw.pendingActivities ?? [])
      if (isPaused === true)
        paused.push(`${activityType?.name} of ${workflowId} (activity ${activityId})`);
    const failing = raw.pendingActivities?.find((one) => (one.attempt ?? 0) >= FAILING_STEPS);
    if (failing === undefined) return;
    stuck.push(workflowId);
    why ||= `${failing.activityType?.name}: ${failing.lastFailure?.message}`;
  };
  const all = [...(await runningJobs(client)), ...(await runningProcesses(client))];
  const ids = all.slice(0, LOOKED_AT);
  for (let from = 0; from < ids.length; from += AT_ONCE)
    await Promise.all(
      // One that ends just now is fine.
      ids.slice(from, from + AT_ONCE).map((id) => look(id).catch(() => undefined)),
    );
  const findings: Finding[] = [];
  if (all.length > ids.length)
    findings.push(
      note(
        "processes-not-looked-at",
        `${ids.length} of ${all.length} running processes were asked whether they fail`,
        "the alert WorkflowTaskFailures is about all of them; npm run ops -- show <auction id> about one",
      ),
    );
  if (paused.length > 0)
    findings.push(
      problem(
        "step-paused",
        `somebody has paused, in Temporal, ${listed("step", paused)}: it waits until it is unpaused`,
        "temporal activity unpause -w '<workflow id>' --activity-id '<activity id>', or Unpause in the Web UI",
      ),
    );
  if (broken.length > 0)
    findings.push(
      problem(
        "workflow-task-fails",
        `the code of ${listed("process", broken)} fails each time it runs: a defect, or an input that makes no sense`,
        "see the failed workflow task in the Web UI; npm run ops -- restart <auction id> begins it anew from what chain and database say",
      ),
    );
  if (stuck.length > 0)
    findings.push(
      problem(
        "step-keeps-failing",
        `a step is tried over and over in ${listed("process", stuck)} (${why})`,
        "mend what the message names: it is tried again by itself",
      ),
    );
  return findings;
}

/** Auctions and meetings that should have a process and have none. */
export async function checkLost(sight: Sight, chainId: number): Promise<Finding[]> {
  const { client, db, auctionContract } = sight;
  const running = await runningProcesses(client);
  const lost: string[] = [];
  for await (const { auctionId, meetingId } of unfinished({ db, chainId, auctionContract })) {
    const ids = [
      auctionWorkflowId({ chainId, contract: auctionContract, auctionId }),
      ...(meetingId === null ? [] : [meetingWorkflowId(meetingId)]),
    ];
    if (ids.some((id) => running.has(id)) || lost.length >= LOOKED_AT) continue;
    if (!(await Promise.all(ids.map((id) => isRunning(client, id)))).includes(true))
      lost.push(auctionId);
  }
  const findings: Finding[] = [];
  if (lost.length > 0)
    findings.push(
      problem(
        "process-lost",
        `no process runs for ${listed("auction", lost)}: the Temporal server was wiped or restored, or somebody ended them`,
        "reconcile starts them within a minute (npm run cron runs it now); see that a worker runs",
      ),
    );
  const unknown = await meetingsWithoutRow(client, db);
  if (unknown.length > 0)
    findings.push(
      problem(
        "meeting-unknown",
        `processes run of ${listed("meeting", unknown)} that the database does not know: it was emptied or restored from a backup`,
        "let a chain worker index up to the head; reconcile writes them down again",
      ),
    );
  return findings;
}

/** What should have happened by now. */
export async function checkLate({ db }: Sight, chainId: number): Promise<Finding[]> {
  const ids = async (sql: string, parameters: readonly unknown[]): Promise<string[]> =>
    (await db.query<{ id: string }>(sql, parameters)).map((row) => row.id);
  const auctions = await ids(
    `SELECT auction_id::text AS id FROM auctions WHERE chain_id = $1 AND phase = 'bidding' AND ends_at < now() - make_interval(secs => $2) ORDER BY ends_at`,
    [chainId, LATE_AUCTION_S],
  );
  const meetings = await ids(
    `SELECT id::text FROM (SELECT id, state, ends_at, ${MEETING_DUE} AS due FROM meetings m WHERE chain_id = $1 AND state IN ('scheduled', 'open', 'closing')) standing
     WHERE due < now() - make_interval(secs => CASE WHEN state = 'closing' THEN $3::int ELSE $2::int END) ORDER BY ends_at`,
    [chainId, LATE_MEETING_S, LATE_SETTLEMENT_S],
  );
  const findings: Finding[] = [];
  if (auctions.length > 0)
    findings.push(
      problem(
        "auction-late",
        `past its end by more than a minute and still open: ${listed("auction", auctions)}`,
        "the other findings say why; npm run ops -- recheck <auction id> compares it with the chain, npm run ops -- end-now <auction id> asks again",
      ),
    );
  if (meetings.length > 0)
    findings.push(
      problem(
        "meeting-late",
        `past its end and not settled: ${listed("meeting", meetings)}`,
        "the other findings say why; npm run ops -- show <auction id>",
      ),
    );
  return findings;
}
