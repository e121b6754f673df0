import { log, metricMeter } from "@temporalio/workflow";
import { z } from "zod";
import {
  type CancelledMessage,
  type ExtendedMessage,
  OPERATION_KINDS,
  type OperationSettledMessage,
  type RevertedMessage,
} from "../domain/process.ts";

/**
 * What may be said to a workflow. Whoever may signal can send anything, by hand too, and what a handler does not expect would fail
 * its workflow task for ever. So every argument is parsed: of what is too long a part is kept, what is not known is dropped, and a
 * message that makes no sense is ignored.
 */

/** The last millisecond of the year 9999, beyond which neither ISO dates nor search attributes go. */
const LATEST_MS = 253_402_300_799_999;
/** More blocks than any chain makes in a thousand years. */
const LAST_BLOCK = 10 ** 12;
/** uint256 in decimal digits. */
const WEI_DIGITS = 78;
const TEXT_LENGTH = 500;

const timeMs = z.number().int().min(0).max(LATEST_MS);
const block = z.number().int().min(0).max(LAST_BLOCK);
const shortened = z.string().transform((text) => text.slice(0, TEXT_LENGTH));
const name = z.string().max(TEXT_LENGTH);
const kind = z.enum(OPERATION_KINDS);

export const extendedSchema: z.ZodType<ExtendedMessage> = z.object({
  endsAtMs: timeMs,
  blockNumber: block,
});
export const cancelledSchema: z.ZodType<CancelledMessage> = z.object({ blockNumber: block });
export const revertedSchema: z.ZodType<RevertedMessage> = z.object({
  endsAtMs: timeMs,
  cancelled: z.boolean(),
  blockNumber: block,
  undone: z.array(kind).max(OPERATION_KINDS.length).exactOptional(),
});
export const operationSettledSchema: z.ZodType<OperationSettledMessage> = z.object({
  key: name,
  kind,
  status: z.enum(["done", "refused"]),
  reason: shortened.exactOptional(),
  transactionHash: name.exactOptional(),
  blockNumber: block.exactOptional(),
  winner: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/)
    .exactOptional(),
  amountWei: z.string().regex(/^\d+$/).max(WEI_DIGITS).exactOptional(),
});

const ignored = metricMeter.createCounter(
  "ignored_messages",
  "1",
  "Messages to workflows that made no sense",
);

/** The message, as far as it makes sense; undefined, logged and counted, when it makes none. */
export function understood<T>(
  signal: string,
  schema: z.ZodType<T>,
  message: unknown,
): T | undefined {
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 3)
    .map((one) => `${one.path.join(".")}: ${one.code}`);
  ignored.add(1, { signal });
  log.error("a message that makes no sense is ignored", { signal, problems });
  return undefined;
}
