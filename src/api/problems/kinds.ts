/** What is known of one kind of problem; it is the same whenever that kind happens. */
export interface ProblemKind {
  /** Every status it comes with. */
  readonly statuses: readonly number[];
  /** A few words, as RFC 9457 wants `title`. */
  readonly title: string;
  readonly cause: string;
  /** What the caller can do about it. */
  readonly remedy: string;
}

export type ProblemKinds = Readonly<Record<string, ProblemKind>>;

/** One kind; several statuses where the same thing meets a question and a command. */
export function kind(
  statuses: number | readonly number[],
  title: string,
  cause: string,
  remedy: string,
): ProblemKind {
  return { statuses: typeof statuses === "number" ? [statuses] : statuses, title, cause, remedy };
}
