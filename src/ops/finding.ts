/** Something an operator should know. `problem`: something is wrong; `note`: worth knowing, and not wrong. */
export interface Finding {
  readonly severity: "problem" | "note";
  /** Names the cause, and the section of docs/operations.md about it. */
  readonly code: string;
  /** What is so, in one sentence. */
  readonly what: string;
  /** What to do about it, in one sentence. */
  readonly todo: string;
}

export const RUNBOOK = "docs/operations.md";

export function problem(code: string, what: string, todo: string): Finding {
  return { severity: "problem", code, what, todo };
}

export function note(code: string, what: string, todo: string): Finding {
  return { severity: "note", code, what, todo };
}

/** `3 auctions: 1, 2, 7`, and no more than a few of them. */
export function listed(what: string, names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(", ");
  return `${names.length} ${names.length === 1 ? what : plural(what)}: ${shown}${names.length > most ? ", …" : ""}`;
}

const plural = (noun: string): string => (noun.endsWith("s") ? `${noun}es` : `${noun}s`);
