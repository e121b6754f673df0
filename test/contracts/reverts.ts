// What the contracts say when they refuse.

/** A decoded event or error: its name, then its arguments in order, comparable with `toEqual`. */
export type Decoded = readonly [name: string, ...args: unknown[]];

/** A transaction that was mined and reverted, with what the contract said. */
export class ContractRevert extends Error {
  readonly decoded: Decoded;
  constructor(decoded: Decoded) {
    super(`reverted with ${decoded[0]}(${decoded.slice(1).join(", ")})`);
    this.decoded = decoded;
  }
}

/** Fails unless the transaction reverts with exactly this custom error. */
export async function expectRevert(
  transaction: Promise<unknown>,
  ...decoded: readonly [string, ...unknown[]]
): Promise<void> {
  const error = await transaction.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined && !(error instanceof ContractRevert)) throw error;
  expect(error?.decoded).toEqual(decoded);
}
