import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { WorkerOptions } from "@temporalio/worker";
import type { AuctionWorkerConfig } from "../config.ts";
import { bundleWorkflows } from "./bundle.ts";

/** The workflow code of a worker, and the name by which the Temporal server knows it from others. */
export interface Build {
  readonly id: string;
  readonly code: string;
}

/** Of workers that are not versioned: the server keeps the build beside it and routes nothing by it. */
const UNVERSIONED = "meeting-auction";
const ID_LENGTH = 12;

/** Reads the bundle that WORKFLOW_BUNDLE names, or makes one. Without WORKER_BUILD_ID the code names itself, by its hash. */
export async function loadBuild(
  config: Partial<Pick<AuctionWorkerConfig, "WORKFLOW_BUNDLE" | "WORKER_BUILD_ID">>,
): Promise<Build> {
  const code =
    config.WORKFLOW_BUNDLE === undefined
      ? await bundleWorkflows()
      : await readFile(config.WORKFLOW_BUNDLE, "utf8");
  return { id: config.WORKER_BUILD_ID ?? idOf(code), code };
}

export function idOf(code: string): string {
  return createHash("sha256").update(code).digest("hex").slice(0, ID_LENGTH);
}

/**
 * What a worker says of its build. With the name of a deployment the server gives it tasks only once its version is made
 * current, and moves every process to the current version with its next task: auctions sleep for weeks, and pinned ones
 * would keep each old worker running as long (docs/adr/0015-builds-side-by-side.md).
 */
export function deploymentOptions(
  buildId: string,
  deploymentName: string | undefined,
): NonNullable<WorkerOptions["workerDeploymentOptions"]> {
  return deploymentName === undefined
    ? { useWorkerVersioning: false, version: { deploymentName: UNVERSIONED, buildId } }
    : {
        useWorkerVersioning: true,
        version: { deploymentName, buildId },
        defaultVersioningBehavior: "AUTO_UPGRADE",
      };
}
