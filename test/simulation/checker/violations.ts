/** Something that must never be. */
export interface Violation {
  /** The rule that is broken, as one word. */
  readonly rule: string;
  /** Whom it concerns: an auction, an operation, a wallet and nonce, a table. */
  readonly subject: string;
  readonly what: string;
}

export class Findings {
  readonly list: Violation[] = [];

  /** Says each thing once, from however many sides it is seen. */
  add(rule: string, subject: string, what: string): void {
    if (this.list.some((one) => one.subject === subject && one.what === what)) return;
    this.list.push({ rule, subject, what });
  }

  /** Finds a violation unless both are the same as text. */
  same(rule: string, subject: string, field: string, actual: unknown, expected: unknown): void {
    if (String(actual) !== String(expected))
      this.add(rule, subject, `${field} is ${String(actual)}, it should be ${String(expected)}`);
  }
}
