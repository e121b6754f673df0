/** One thing that happened to a process, for people. */
export interface Happening {
  readonly atMs: number;
  readonly text: string;
}

/** A line more is kept than an auction that is refused, mended and reorganised a few times has. */
const KEPT = 40;

/** What happened to a process so far, in order; the oldest is dropped when there is too much. */
export class Timeline {
  #happenings: readonly Happening[];

  constructor(before: readonly Happening[] = []) {
    this.#happenings = before;
  }

  /** Notes what happens now; the same thing twice in a row is one thing. */
  note(text: string): void {
    if (this.#happenings.at(-1)?.text === text) return;
    this.#happenings = [...this.#happenings, { atMs: Date.now(), text }].slice(-KEPT);
  }

  /** For the next run. */
  get happenings(): readonly Happening[] {
    return this.#happenings;
  }

  get markdown(): string {
    return this.#happenings
      .map(({ atMs, text }) => `- \`${new Date(atMs).toISOString()}\` ${text}`)
      .join("\n");
  }
}
