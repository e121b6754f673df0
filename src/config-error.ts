export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
  readonly example: string;
}

/** Thrown with every problem of the environment at once, before anything is touched. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(
      (one) =>
        `  ${one.variable}: ${one.problem}\n      for example ${one.variable}=${one.example}`,
    );
    super(
      `The configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}\nenv.example explains every variable.`,
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}
