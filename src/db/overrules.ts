import {
  meetingWorkflowId,
  operationKey,
  type OverruleCommand,
  type Outcome,
} from "../domain/process.ts";
import { refused } from "../errors.ts";
import { first, type Queryable } from "./database.ts";
import { getMeeting, lockState, tell } from "./meetings.ts";

/**
 * Writes down that an operator decides how a meeting came out, and has the settlement that waits say so. `id` names the
 * decision about this meeting: writing it again changes nothing.
 * @throws AppError refuse 409 `meeting_over`, `settlement_under_way`; 404 `meeting_not_found`
 */
export async function recordOverrule(
  tx: Queryable,
  meetingId: string,
  id: string,
  command: OverruleCommand,
): Promise<void> {
  const state = await lockState(tx, meetingId);
  const known = await tx.query("SELECT FROM meeting_overrules WHERE meeting_id = $1 AND id = $2", [
    meetingId,
    id,
  ]);
  if (known.length > 0) return;
  const meeting = await getMeeting(tx, meetingId);
  if (state === "closed" || state === "withdrawn")
    throw refused("meeting_over", "this meeting is settled or withdrawn", 409);
  if (state === "closing") await changeSettlement(tx, meeting, command.outcome);
  await tx.query(
    "INSERT INTO meeting_overrules (id, meeting_id, outcome, decided_by, reason) VALUES ($1, $2, $3, $4, $5)",
    [id, meetingId, command.outcome, command.by, command.reason],
  );
  await tell(tx, meeting, "meeting-overruled", { outcome: command.outcome }, `:${id}`);
}

/** A settlement that has begun is never changed: its transaction may be on its way already. */
async function changeSettlement(
  tx: Queryable,
  meeting: Parameters<typeof operationKey>[1] & { readonly id: string },
  outcome: Outcome,
): Promise<void> {
  const waiting = await first(
    tx,
    `UPDATE chain_operations SET outcome = $2, updated_at = now() WHERE key = $1 AND workflow_id = $3 AND state = 'pending' AND nonce IS NULL AND attempts = 0 AND reason IS NULL RETURNING key`,
    [operationKey("settle", meeting), outcome, meetingWorkflowId(meeting.id)],
  );
  if (waiting === undefined)
    throw refused(
      "settlement_under_way",
      "the settlement of this meeting has begun: it cannot be changed any more",
      409,
    );
  await tx.query("UPDATE meetings SET outcome = $2, version = version + 1 WHERE id = $1", [
    meeting.id,
    outcome,
  ]);
}
