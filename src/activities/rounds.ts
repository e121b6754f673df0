/** What is watched of a turn at the head of a job. */
interface Watched {
  /** How long the round that runs has lasted, in milliseconds; 0 between two rounds. */
  readonly roundMs: number;
}

/** The jobs that this process leads, for its readiness and its figures: a round that does not end is a job that nobody does. */
export class Rounds {
  readonly #turns = new Map<string, Watched>();

  /** Watches the rounds of a job while `work` does it. */
  async during<T>(job: string, turn: Watched, work: () => Promise<T>): Promise<T> {
    this.#turns.set(job, turn);
    try {
      return await work();
    } finally {
      if (this.#turns.get(job) === turn) this.#turns.delete(job);
    }
  }

  /** How long the round of each job has lasted, in milliseconds. */
  ages(): ReadonlyMap<string, number> {
    return new Map([...this.#turns].map(([job, { roundMs }]) => [job, roundMs]));
  }
}
