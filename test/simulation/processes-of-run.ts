// The processes (workflows) of a run as an operator may handle them: through Temporal's client.
import { Client, Connection, ScheduleNotFoundError } from "@temporalio/client";

/** The product's Schedule that repairs what is missing; by the clock it comes once a minute. */
const RECONCILE_SCHEDULE = "reconcile";

export class Workflows {
  readonly #connection: Connection;
  readonly #client: Client;

  private constructor(connection: Connection, namespace: string) {
    this.#connection = connection;
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
