import { AppError } from "../../src/errors.ts";

/** What a promise was rejected with, as `kind code status`; fails the test for anything but an AppError. */
export async function outcomeOf(work: () => unknown): Promise<string> {
  const error = await rejectionOf(work);
  return `${error.kind} ${error.code} ${error.status}`;
}

/** The AppError that `work` throws or is rejected with. */
export async function rejectionOf(work: () => unknown): Promise<AppError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw new Error(`expected an AppError, got ${String(error)}`, { cause: error });
  }
  throw new Error("expected an AppError, got a result");
}
