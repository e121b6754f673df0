// `node scripts/bundle-workflows.ts FILE`: bundles the workflow code for WORKFLOW_BUNDLE, as production images hold it.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { bundleWorkflows } from "../src/workers/bundle.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("Usage: node scripts/bundle-workflows.ts FILE\n");
  process.exit(1);
}
const code = await bundleWorkflows();
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, code);
process.stdout.write(`${file}: ${code.length} characters\n`);
