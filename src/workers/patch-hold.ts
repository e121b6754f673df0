import type { ConnectionLike } from "@temporalio/client";
import proto from "@temporalio/proto";
import type { Logger } from "../logging.ts";

const { TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;

/** As long the server remembers who asked for tasks; a worker that has not asked for longer is gone. */
const GONE_AFTER_MS = 5 * 60_000;

export interface PatchHoldOptions {
  readonly connection: ConnectionLike;
  readonly namespace: string;
  readonly taskQueue: string;
  /** Of this worker. */
  readonly buildId: string;
  readonly logger: Pick<Logger, "info">;
  readonly goneAfterMs?: number;
}

/**
 * Whether this worker may begin to use what `patched` guards. A process that has taken a patched step cannot be carried on by a
 * build that does not know it, and while a new build is rolled out any task may go to either. So patches wait until no worker of
 * another build has asked for tasks for five minutes; until then the new build does as the old one did. What is patched already
 * stays so. Used where Temporal does not keep builds apart (TEMPORAL_DEPLOYMENT_NAME unset).
 */
export class PatchHold {
  readonly #o: PatchHoldOptions;
  #held = true;
  #told = "";

  constructor(options: PatchHoldOptions) {
    this.#o = options;
  }

  /** For the SDK, which asks whenever a process comes to a patch for the first time. */
  readonly isActive = (): boolean => !this.#held;

  /** Looks who serves the queue. Once nothing is held there is nothing to look for. @throws what the connection throws */
  async look(): Promise<void> {
    if (!this.#held) return;
    const others = await this.#otherBuilds();
    this.#held = others.length > 0;
    const told = others.join(", ");
    if (told === this.#told) return;
    this.#told = told;
    const { buildId, logger } = this.#o;
    if (this.#held)
      logger.info("patches wait until no worker of another build is left", { buildId, others });
    else logger.info("workers of other builds are gone: patches are used from now on", { buildId });
  }

  async #otherBuilds(): Promise<string[]> {
    const { connection, namespace, taskQueue, buildId, goneAfterMs = GONE_AFTER_MS } = this.#o;
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: TASK_QUEUE_TYPE_WORKFLOW,
    });
    const sinceS = (Date.now() - goneAfterMs) / 1_000;
    const builds = (pollers ?? [])
      .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) >= sinceS)
      // What does not say its build was there before builds were told.
      .map(({ deploymentOptions }) => deploymentOptions?.buildId || "unknown");
    return [...new Set(builds)].filter((one) => one !== buildId).sort();
  }
}
