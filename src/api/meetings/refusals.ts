import { logRefusedAccess } from "../../db/access.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import type { Session } from "../route.ts";
import type { Standing } from "./rights.ts";

/**
 * Writes into the access log that somebody was refused, why, and what was looked at, at which block. Only decisions are
 * logged: an outside service that is away has decided nothing.
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
  if (!(error instanceof AppError) || error.kind !== "refuse") return;
  const atBlock = checked["atBlock"];
  await logRefusedAccess(deps.db, {
    meetingId,
    userId: user.id,
    role: standing?.role ?? null,
    wallet: standing?.wallet ?? null,
    blockNumber: typeof atBlock === "number" ? atBlock : null,
    reason: standing === undefined ? "not_a_participant" : error.code,
    checked,
  });
}
