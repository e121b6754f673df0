// The processes (workflows) of a run as an operator may handle them: through Temporal's client.
import { hostname } from "node:os";
import { Client, Connection, ScheduleNotFoundError } from "@temporalio/client";
import proto from "@temporalio/proto";

const { PENDING_ACTIVITY_STATE_STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

/** The product's Schedule that repairs what is missing; by the clock it comes once a minute. */
const RECONCILE_SCHEDULE = "reconcile";

export class Workflows {
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #namespace: string;

  private constructor(connection: Connection, namespace: string) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#client = new Client({ connection, namespace });
  }

  static async connect(address: string, namespace: string): Promise<Workflows> {
    return new Workflows(await Connection.connect({ address }), namespace);
  }

  /** Runs the safety net now: a story of hours is told in seconds, and its minutes would not come. */
  async reconcile(): Promise<void> {
    try {
      await this.#client.schedule.getHandle(RECONCILE_SCHEDULE).trigger();
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }

  /** The ids of the processes that still run. */
  async running(): Promise<string[]> {
    const ids: string[] = [];
    const found = this.#client.workflow.list({ query: `ExecutionStatus = "Running"` });
    for await (const { workflowId } of found) ids.push(workflowId);
    return ids;
  }

  /**
   * Does for a dead worker what its time-outs would do later: its activities fail and are retried, and workflows no longer wait
   * for its cache.
   */
  async reportDeath(pid: number): Promise<void> {
    const { workflowService } = this.#connection;
    const namespace = this.#namespace;
    // The name that the SDK gives a worker.
    const identity = `${pid}@${hostname()}`;
    for (const workflowId of await this.running()) {
      const execution = { workflowId };
      // What has closed meanwhile needs no report.
      const described = await workflowService
        .describeWorkflowExecution({ namespace, execution })
        .catch(() => undefined);
      for (const activity of described?.pendingActivities ?? []) {
        const { activityId = "", state, lastWorkerIdentity } = activity;
        if (state !== PENDING_ACTIVITY_STATE_STARTED || lastWorkerIdentity !== identity) continue;
        const failure = { message: "its worker has died", applicationFailureInfo: {} };
        await workflowService
          .respondActivityTaskFailedById({ namespace, workflowId, activityId, identity, failure })
          .catch(() => undefined);
      }
      await workflowService.resetStickyTaskQueue({ namespace, execution }).catch(() => undefined);
    }
  }

  /** Leaves nothing behind that would keep the server busy. */
  async end(): Promise<void> {
    await this.#client.schedule
      .getHandle(RECONCILE_SCHEDULE)
      .delete()
      .catch(() => undefined);
    for (const id of await this.running())
      await this.#client.workflow
        .getHandle(id)
        .terminate("the run is over")
        .catch(() => undefined);
    await this.#connection.close();
  }
}
