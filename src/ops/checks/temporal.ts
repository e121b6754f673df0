import { ScheduleNotFoundError } from "@temporalio/client";
import {
  chainIndexerWorkflowId,
  RECONCILE_SCHEDULE_ID,
  TASK_QUEUES,
  walletWorkflowId,
} from "../../domain/process.ts";
import { isRunning } from "../../activities/repairs/processes.ts";
import { searchAttributeGaps } from "../../temporal-namespace.ts";
import { type Finding, problem } from "../finding.ts";
import type { Sight } from "../sight.ts";

/** How long after its time a Schedule may begin. */
const SCHEDULE_LATE_MS = 120_000;
const WORKFLOW = 1;
const ACTIVITY = 2;

/** Whether the server answers and the namespace is there. @throws what the connection throws when it does not answer */
export async function checkNamespace({ connection, namespace }: Sight): Promise<Finding[]> {
  await connection.ensureConnected();
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return [
      problem(
        "namespace-missing",
        `the Temporal server has no namespace ${namespace}`,
        `temporal operator namespace create -n ${namespace} --retention 30d; the workers do the rest`,
      ),
    ];
  }
  const { missing, wrong } = await searchAttributeGaps(connection, namespace);
  if (missing.length + wrong.length === 0) return [];
  return [
    problem(
      "search-attributes-missing",
      `the namespace ${namespace} lacks search attributes, or has them with another type: ${[...missing, ...wrong].join(", ")}`,
      "npm run ops -- register (running workers do it too)",
    ),
  ];
}

const isNotFound = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === 5;

/** Whether somebody takes the tasks of each queue. */
export async function checkPollers(
  { connection, namespace }: Sight,
  pollerS: number,
): Promise<Finding[]> {
  const queues = [
    { name: TASK_QUEUES.auction, type: WORKFLOW, role: "auction-worker" },
    { name: TASK_QUEUES.auction, type: ACTIVITY, role: "auction-worker" },
    { name: TASK_QUEUES.chain, type: ACTIVITY, role: "chain-worker" },
  ];
  const idle = new Set<string>();
  for (const { name, type, role } of queues) {
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enumeration is of a package that the client hides
      taskQueueType: type,
    });
    const fresh = (pollers ?? []).some(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) > Date.now() / 1000 - pollerS,
    );
    if (!fresh) idle.add(role);
  }
  return [...idle].map((role) =>
    problem(
      "worker-missing",
      `no ${role} takes tasks`,
      `start one (npm start -- --role=${role}) and see what its log says`,
    ),
  );
}

/** Whether reconcile is run. */
export async function checkSchedule({ client }: Sight, reconcileMs: number): Promise<Finding[]> {
  const handle = client.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  try {
    const { state, info } = await handle.describe();
    if (state.paused)
      return [
        problem(
          "schedule-paused",
          `the Schedule ${RECONCILE_SCHEDULE_ID} is paused (${state.note ?? "no note"})`,
          `temporal schedule toggle --schedule-id ${RECONCILE_SCHEDULE_ID} --unpause --reason "…"`,
        ),
      ];
    const due = info.nextActionTimes[0];
    if (due !== undefined && due.getTime() < Date.now() - SCHEDULE_LATE_MS)
      return [
        problem(
          "schedule-not-running",
          `the Schedule ${RECONCILE_SCHEDULE_ID} should have run at ${due.toISOString()}`,
          "the Temporal server does not run its system workers: see its log",
        ),
      ];
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    return [
      problem(
        "schedule-missing",
        `there is no Schedule ${RECONCILE_SCHEDULE_ID}`,
        "npm run cron (running workers make it again within a minute)",
      ),
    ];
  }
  return checkReconcile(client, reconcileMs);
}

/** The last run that ended, and those that have not: while one hangs the Schedule skips all others. */
async function checkReconcile(client: Sight["client"], limitMs: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  const ended = "WorkflowType = 'reconcile' AND ExecutionStatus != 'Running'";
  for await (const { status, workflowId } of client.workflow.list({ query: ended, pageSize: 1 })) {
    if (status.name !== "COMPLETED")
      findings.push(
        problem(
          "reconcile-fails",
          `the last run of reconcile (${workflowId}) has not come to its end: ${status.name}`,
          "see its failure in the Web UI and the log of the auction worker",
        ),
      );
    break;
  }
  const running = "WorkflowType = 'reconcile' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, startTime } of client.workflow.list({ query: running })) {
    const ranMs = Date.now() - startTime.getTime();
    if (ranMs < limitMs) continue;
    findings.push(
      problem(
        "reconcile-hangs",
        `a run of reconcile (${workflowId}) has not ended for ${Math.round(ranMs / 60_000)} min, and the Schedule starts no other meanwhile`,
        `temporal workflow terminate -w '${workflowId}' --reason "it hangs", and see why in the Web UI first`,
      ),
    );
  }
  return findings;
}

/** The jobs that run for ever. */
export async function checkJobs(
  { client }: Sight,
  chainId: number,
  wallets: readonly string[],
): Promise<Finding[]> {
  const ids = [
    chainIndexerWorkflowId(chainId),
    ...wallets.map((one) => walletWorkflowId(chainId, one)),
  ];
  const findings: Finding[] = [];
  for (const id of ids)
    if (!(await isRunning(client, id)))
      findings.push(
        problem(
          "job-not-running",
          `the workflow ${id} does not run`,
          "a running chain worker starts it within a minute",
        ),
      );
  return findings;
}
