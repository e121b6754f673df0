import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

const pathOf = (file: string): string =>
  fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));

/** The workflow code as one script, for WORKFLOW_BUNDLE: a worker without a bundle makes one at every start, which takes seconds. */
export async function bundleWorkflows(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: pathOf("index.ts"),
    workflowInterceptorModules: [pathOf("query-guard.ts")],
    logger: new DefaultLogger("WARN"),
  });
  return code;
}
