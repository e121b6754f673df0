// `npm run ops`: what operators look at and do. `-- --help` lists the commands.
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
import { reportText } from "./report.ts";
import { openSight, type Sight } from "./sight.ts";
import { type Invocation, parseInvocation, UsageError, USAGE } from "./usage.ts";

const AUDIT_ROWS = 50;

const write = (text: string): void => void process.stdout.write(`${text}\n`);

/** Does what was asked, writes the answer, and returns the exit code. */
async function run(sight: Sight, invocation: Invocation): Promise<number> {
  const { command, argument, json, by, reason } = invocation;
  if (command === "doctor") {
    const report = await examine(sight);
    const problems = problemsOf(report);
    write(
      json ? JSON.stringify({ healthy: problems.length === 0, ...report }) : reportText(report),
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
  write(JSON.stringify(await answer(), undefined, json ? undefined : 2));
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

async function main(): Promise<number> {
  let sight: Sight | undefined;
  let json = process.argv.includes("--json");
  try {
    const invocation = parseInvocation(process.argv.slice(2));
    if (invocation === "help") {
      write(USAGE);
      return 0;
    }
    json = invocation.json;
    sight = openSight(loadOpsConfig());
    return await run(sight, invocation);
  } catch (error) {
    const wrong = error instanceof UsageError || error instanceof ConfigError;
    const text = failureText(error);
    process.stderr.write(
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

process.exitCode = await main();
// Connections to parts that have stopped answering would keep the process, and its exit code, for ever.
setTimeout(() => process.exit(), 200).unref();
