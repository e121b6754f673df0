// What a benchmark leaves behind when it is over: nothing.
type Undo = () => void | Promise<void>;

/** Collects what must be undone. */
export class Ending {
  readonly #undo: Undo[] = [];
  #running: Promise<void> | undefined;

  add(undo: Undo): void {
    this.#undo.push(undo);
  }

  /** Undoes everything, the last first; one that fails does not keep the others from it. @throws the first failure */
  run(): Promise<void> {
    return (this.#running ??= this.#all().finally(() => (this.#running = undefined)));
  }

  async #all(): Promise<void> {
    const failures: unknown[] = [];
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
