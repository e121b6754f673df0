import type { WorkflowBundle } from "@temporalio/worker";

/** How webpack writes `patched("…")` of the product's workflows. */
const PATCHED = /\(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_\d+__\.patched\)\("([\w-]+)"\)/g;

function withAnswers(bundle: WorkflowBundle, answer: boolean, only?: string): WorkflowBundle {
  if (!("code" in bundle)) throw new Error("the bundle has no code");
  let found = 0;
  const code = bundle.code.replaceAll(PATCHED, (call, id: string) => {
    if (only !== undefined && id !== only) return call;
    found += 1;
    return String(answer);
  });
  if (only === undefined ? found < 5 : found !== 1)
    throw new Error(`${found} patches are in the bundle`);
  return { code };
}

/** The same code as it was before its patches (or the one that is named): what they guard is not there. */
export const beforePatches = (bundle: WorkflowBundle, only?: string): WorkflowBundle =>
  withAnswers(bundle, false, only);

/** The same change made carelessly: what the patch guards is simply there. */
export const unguarded = (bundle: WorkflowBundle, only: string): WorkflowBundle =>
  withAnswers(bundle, true, only);
