// `node scripts/bundle-workflows.ts FILE`: bundles the workflow code for WORKFLOW_BUNDLE, as production images hold it. A worker
// without a bundle makes one at every start, which takes seconds and is done by code that production does not need otherwise.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("Usage: node scripts/bundle-workflows.ts FILE\n");
  process.exit(1);
}
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL("../src/workflows/index.ts", import.meta.url)),
  logger: new DefaultLogger("WARN"),
});
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, code);
process.stdout.write(`${file}: ${code.length} characters\n`);
