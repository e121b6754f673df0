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
 * Runs pieces of a repair so that one of them that fails does not keep the others from being repaired. Where Postgres or Temporal is
 * away it fails itself, and the next run tries again.
 */
export class Isolated {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What `work` gave, or undefined when it failed. @throws what says that the other side is away */
  async run<T>(item: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (isGeneral(error)) throw error;
      this.#logger.error("a repair has failed and is tried again with the next run", {
        item,
        reason: messageOf(error).slice(0, 500),
      });
      return undefined;
    }
  }
}
