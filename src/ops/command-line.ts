import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ConfigError, loadOpsConfig } from "../config.ts";
import { lastOperatorActions } from "../db/operators.ts";
import { messageOf } from "../errors.ts";
import { ensureSearchAttributes } from "../temporal-namespace.ts";
import * as commands from "./commands.ts";
import { examine, problemsOf } from "./doctor.ts";
import type { DoctorLimits } from "./limits.ts";
import { reportText } from "./report.ts";
import { openSight, type Sight } from "./sight.ts";
import { type Invocation, parseInvocation, UsageError, USAGE } from "./usage.ts";

const AUDIT_ROWS = 50;

export interface CommandLineOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For tests; the doctor has its own. */
  readonly limits?: Partial<DoctorLimits>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Does what was asked, writes the answer, and returns the exit code. */
async function run(
  sight: Sight,
  invocation: Invocation,
  { limits, write }: CommandLineOptions,
): Promise<number> {
  const { command, argument, json, by, reason } = invocation;
  if (command === "doctor") {
    const report = await examine(sight, limits);
    const problems = problemsOf(report);
    write(
      `${json ? JSON.stringify({ healthy: problems.length === 0, ...report }) : reportText(report)}\n`,
    );
    return problems.length === 0 ? 0 : 1;
  }
  const said = { by, reason };
  const answer = async (): Promise<unknown> => {
    switch (command) {
      case "show":
        return commands.show(sight, argument);
      case "audit":
        return lastOperatorActions(sight.db, AUDIT_ROWS);
      case "end-now":
        return commands.endNow(sight, argument, said);
      case "retry":
        return commands.retry(sight, argument, said);
      case "recheck":
        return commands.recheck(sight, argument, said);
      case "overrule":
        return commands.overrule(sight, argument, { ...said, outcome: invocation.outcome ?? 1 });
      case "restart":
        return commands.restart(sight, argument, said);
      case "pause-wallet":
        return commands.commandWallet(sight, "pause", argument, said);
      case "resume-wallet":
        return commands.commandWallet(sight, "resume", argument, said);
      case "drop-message":
        return commands.dropMessage(sight, Number(argument), said);
      case "after-restore":
        return commands.afterRestore(sight, said);
      case "register":
        return { registered: await ensureSearchAttributes(sight.connection, sight.namespace) };
    }
  };
  write(`${JSON.stringify(await answer(), undefined, json ? undefined : 2)}\n`);
  return 0;
}

/** What failed, in words for the terminal. */
function failureText(error: unknown): string {
  if (error instanceof WorkflowUpdateFailedError) return messageOf(error.cause ?? error);
  if (error instanceof WorkflowNotFoundError)
    return "no such process runs: npm run ops -- doctor says why";
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
    return "no worker has answered; the command may still be carried out: npm run ops -- doctor";
  return messageOf(error);
}

/** Follows a command line of `npm run ops --` and returns the exit code. */
export async function runCommandLine(
  args: readonly string[],
  options: CommandLineOptions,
): Promise<number> {
  const { env, write, writeError } = options;
  let sight: Sight | undefined;
  let json = args.includes("--json");
  try {
    const invocation = parseInvocation(args);
    if (invocation === "help") {
      write(`${USAGE}\n`);
      return 0;
    }
    json = invocation.json;
    sight = openSight(loadOpsConfig(env));
    return await run(sight, invocation, options);
  } catch (error) {
    const wrong = error instanceof UsageError || error instanceof ConfigError;
    const text = failureText(error);
    writeError(
      json
        ? `${JSON.stringify({ error: text })}\n`
        : error instanceof UsageError
          ? `${text}\n\n${USAGE}\n`
          : `${text}\n`,
    );
    return wrong ? 2 : 1;
  } finally {
    await sight?.close();
  }
}

/** `npm run ops` as a process. */
export async function runOps(limits: Partial<DoctorLimits> = {}): Promise<void> {
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    limits,
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
  });
  // Connections to parts that have stopped answering would keep the process, and its exit code, for ever.
  setTimeout(() => process.exit(), 200).unref();
}
