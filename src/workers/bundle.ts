import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

/** Where the workflow code begins, and what runs around it. */
const WORKFLOWS_PATH = fileURLToPath(new URL("../workflows/index.ts", import.meta.url));
const GUARD_PATH = fileURLToPath(new URL("../workflows/query-guard.ts", import.meta.url));

/** The workflow code as one script, for WORKFLOW_BUNDLE: a worker without a bundle makes one at every start, which takes seconds. */
export async function bundleWorkflows(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS_PATH,
    workflowInterceptorModules: [GUARD_PATH],
    logger: new DefaultLogger("WARN"),
  });
  return code;
}
