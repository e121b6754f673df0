import type { OperationKind } from "../../domain/process.ts";
import type { Operation } from "./operations.ts";

/** Batches of one kind each; an operation that failed in a batch before goes alone, so that it harms nobody. */
export function batchesOf(
  due: readonly Operation[],
  limits: Readonly<Record<OperationKind, number>>,
): { readonly kind: OperationKind; readonly operations: Operation[] }[] {
  const batches: { kind: OperationKind; operations: Operation[] }[] = [];
  for (const kind of ["end", "mint", "settle"] as const) {
    const ofKind = due.filter((one) => one.kind === kind);
    const fresh = ofKind.filter((one) => one.attempts === 0);
    for (let start = 0; start < fresh.length; start += limits[kind])
      batches.push({ kind, operations: fresh.slice(start, start + limits[kind]) });
    for (const operation of ofKind.filter((one) => one.attempts > 0))
      batches.push({ kind, operations: [operation] });
  }
  return batches;
}
