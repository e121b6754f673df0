import { isGrpcServiceError, ServiceError } from "@temporalio/client";
import { AppError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logging.ts";

/** Codes of gRPC that speak of the server or of the way to it, and not of what was asked. */
const SERVER_TROUBLE: readonly number[] = [1, 4, 7, 8, 14, 16];
/** Classes of Postgres that do so: connection, resources, intervention. */
const DATABASE_TROUBLE = /^(08|53|57|58)/;

/** Whether the other side is away, so that the next item would fail in the same way. */
function isGeneral(error: unknown): boolean {
  if (error instanceof AppError) return error.kind === "retry";
  const grpc = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(grpc)) return SERVER_TROUBLE.includes(grpc.code);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && (DATABASE_TROUBLE.test(code) || /^E[A-Z]+$/.test(code));
}

/**
 * Runs one piece of a repair, so that a piece that fails does not keep the others from being repaired. Returns undefined when it failed.
 * @throws what says that Postgres or Temporal is away: then the whole run fails, and the next one tries again
 */
export async function isolated<T>(
  logger: Logger,
  item: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isGeneral(error)) throw error;
    logger.error("a repair has failed and is tried again with the next run", {
      item,
      reason: messageOf(error).slice(0, 500),
    });
    return undefined;
  }
}
