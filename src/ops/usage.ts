import { parseArgs } from "node:util";
import { getAddress } from "ethers";
import { userInfo } from "node:os";

/** A command line that cannot be followed; the message is one line for whoever typed it. */
export class UsageError extends Error {}

/** In a container the user may have no name. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** What each command takes beside the options of all. */
const COMMANDS = {
  doctor: { argument: null, does: "looks at everything and says what is wrong and what to do" },
  show: { argument: "auction id", does: "what chain, database and Temporal know of an auction" },
  audit: { argument: null, does: "what operators did, the newest first" },
  "end-now": { argument: "auction id", does: "asks again for an end that is overdue" },
  retry: { argument: "auction id", does: "tries the step that failed again now" },
  recheck: { argument: "auction id", does: "asks the contract itself, and goes on with that" },
  overrule: { argument: "auction id", does: "decides how the meeting came out (--outcome)" },
  restart: { argument: "auction id", does: "begins the process anew from chain and database" },
  "pause-wallet": { argument: "address", does: "has a wallet sign and send nothing" },
  "resume-wallet": { argument: "address", does: "lets it work again" },
  "drop-message": { argument: "message id", does: "gives up a message that cannot be delivered" },
  "after-restore": { argument: null, does: "brings back what a restored database has lost" },
  register: { argument: null, does: "registers the search attributes with Temporal" },
} as const;
export type CommandName = keyof typeof COMMANDS;

/** Those that only look. All others want a reason, and are written to operator_actions. */
const LOOKING: readonly CommandName[] = ["doctor", "show", "audit", "register"];

export const OUTCOMES = { held: 1, "host-absent": 2, "winner-absent": 3 } as const;

export const USAGE = `npm run ops -- <command> [argument] [options]

${Object.entries(COMMANDS)
  .map(([name, { argument, does }]) =>
    `  ${name}${argument === null ? "" : ` <${argument}>`}`.padEnd(30).concat(does),
  )
  .join("\n")}

  --reason TEXT   why; commands that change something want one of at least 10 characters
  --by NAME       who; the name you are logged in with, unless given
  --outcome NAME  overrule: ${Object.keys(OUTCOMES).join(", ")}
  --json          the answer as JSON

Exit codes: 0 done, or nothing wrong; 1 something is wrong, or the command was refused; 2 the command line or the
configuration is wrong. It reads DATABASE_URL, TEMPORAL_…, ETH_HTTP_ENDPOINT and AUCTION_CONTRACT_ADDRESS, and no key.
What to do about what doctor finds: docs/operations.md.`;

export interface Invocation {
  readonly command: CommandName;
  readonly argument: string;
  readonly by: string;
  readonly reason: string;
  readonly outcome: 1 | 2 | 3 | undefined;
  readonly json: boolean;
}

/** @throws UsageError */
export function parseInvocation(args: readonly string[]): Invocation | "help" {
  const { values, positionals } = parse(args);
  if (values.help === true || positionals[0] === "help") return "help";
  const [name, argument = "", ...rest] = positionals;
  if (name === undefined) throw new UsageError("which command?");
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command ${name}`);
  const command = name as CommandName;
  const wanted = COMMANDS[command].argument;
  if (wanted === null ? argument !== "" : argument === "")
    throw new UsageError(
      wanted === null ? `${name} takes no argument` : `${name} wants the ${wanted}`,
    );
  if (rest.length > 0) throw new UsageError(`${name} takes one argument`);
  if (values.outcome !== undefined && command !== "overrule")
    throw new UsageError(`${name} takes no --outcome`);
  if (command === "overrule" && !Object.hasOwn(OUTCOMES, values.outcome ?? ""))
    throw new UsageError(`--outcome is one of ${Object.keys(OUTCOMES).join(", ")}`);
  const reason = values.reason?.trim() ?? "";
  if (!LOOKING.includes(command) && (reason.length < 10 || reason.length > 1_000))
    throw new UsageError(`${name} wants a --reason of 10 to 1000 characters: it is kept`);
  return {
    command,
    argument: wanted === null ? "" : checked(wanted, argument),
    by: values.by?.trim() || nameOfUser(),
    reason,
    outcome: OUTCOMES[values.outcome as keyof typeof OUTCOMES],
    json: values.json === true,
  };
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = {
    reason: text,
    by: text,
    outcome: text,
    json: flag,
    help: { ...flag, short: "h" },
  };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Node goes on with advice in further sentences.
    throw new UsageError(error instanceof Error ? error.message.split(/\. |\n/)[0] : String(error));
  }
}

/** The largest id that a contract can give. */
const ID_DIGITS = 78;

function checked(what: string, argument: string): string {
  if (what === "address") {
    try {
      return getAddress(argument).toLowerCase();
    } catch {
      throw new UsageError(`"${argument}" is no address`);
    }
  }
  if (!/^\d+$/.test(argument) || argument.length > ID_DIGITS)
    throw new UsageError(`"${argument}" is no ${what}`);
  return argument;
}
