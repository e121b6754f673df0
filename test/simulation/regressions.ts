import given from "./regressions.json" with { type: "json" };
import type { Plan } from "./plan.ts";

/** A seed that went red keeps its faults, reorgs and kills: a kind added later changes what a bare seed means. */
export interface Regression {
  readonly seed: number;
  readonly auctions: number;
  readonly was: string;
  readonly instead: Pick<Plan, "faults" | "reorgs" | "lives">;
}

export const regressions = given as Regression[];
