import { logRefusedAccess } from "../../db/access.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";
import type { Standing } from "./rights.ts";

const LIT_FAILED: ReadonlySet<string> = new Set(["lit_unavailable", "lit_bad_answer"]);

/**
 * Writes into the access log that somebody did not get in, why, and what was looked at, at which block. That Lit was away,
 * or answered nonsense, is logged too: whoever has to judge a meeting afterwards must see who stood at the door. A node of
 * the chain that is away has said nothing about who came.
 */
export async function logRefusal(
  deps: ApiDeps,
  refusal: {
    readonly meetingId: string;
    readonly user: Session;
    readonly standing: Standing | undefined;
    readonly checked: Readonly<Record<string, unknown>>;
    readonly error: unknown;
  },
): Promise<void> {
  const { meetingId, user, standing, checked, error } = refusal;
  if (!(error instanceof AppError)) return;
  if (error.kind !== "refuse" && !LIT_FAILED.has(error.code)) return;
  const atBlock = checked["atBlock"];
  await logRefusedAccess(deps.db, {
    meetingId,
    userId: user.id,
    role: standing?.role ?? null,
    wallet: standing?.wallet ?? null,
    blockNumber: typeof atBlock === "number" ? atBlock : null,
    reason: error.code === "meeting_not_found" ? "not_a_participant" : error.code,
    checked,
  });
}
