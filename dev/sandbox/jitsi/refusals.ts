import type { ReservationVerdict } from "./reservations.ts";

/** How long mod_reservations repeats a refusal without asking again, at least: it forgets only at its next look. */
const MEMORY_MS = 30_000;

/** The refusals that mod_reservations remembers. */
export class Refusals {
  readonly #kept = new Map<
    string,
    { readonly verdict: ReservationVerdict; readonly untilMs: number }
  >();
  readonly #memoryMs: number;

  constructor(memoryMs: number = MEMORY_MS) {
    this.#memoryMs = memoryMs;
  }

  of(room: string): ReservationVerdict | undefined {
    return this.#kept.get(room)?.verdict;
  }

  /** Keeps the first refusal: repeating it does not prolong it. */
  remember(room: string, verdict: ReservationVerdict): void {
    if (this.#memoryMs > 0 && !this.#kept.has(room))
      this.#kept.set(room, { verdict, untilMs: Date.now() + this.#memoryMs });
  }

  /** The look that comes once a minute. */
  evict(): void {
    for (const [room, { untilMs }] of this.#kept) if (untilMs < Date.now()) this.#kept.delete(room);
  }
}
