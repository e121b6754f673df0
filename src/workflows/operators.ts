import {
  ApplicationFailure,
  currentUpdateInfo,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { UpdateDefinition } from "@temporalio/common";
import type {
  AuctionRef,
  ChainReport,
  OperatorAction,
  OperatorCommand,
} from "../domain/process.ts";
import { recheckChainUpdate, retryFailedStepUpdate } from "./messages.ts";
import type { AuctionState, MeetingState } from "./messages.ts";
import type { Patience } from "./patience.ts";
import { operatorSteps } from "./steps.ts";

const TEXT_LENGTH = { by: [1, 200], reason: [10, 1_000] } as const;

const UPDATE_ID_LENGTH = 200;
/** Line breaks are fine in a reason. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** A refusal that only this update sees. */
export function refuse(type: string, message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** Who may send commands of operators is for Temporal's access control to say; the API never does. */
export function checkOperator(command: OperatorCommand): void {
  // Sent by hand it may be anything.
  const given: Partial<Record<keyof typeof TEXT_LENGTH, unknown>> | null = command;
  for (const name of ["by", "reason"] as const) {
    const [least, most] = TEXT_LENGTH[name];
    const text = given?.[name];
    if (typeof text !== "string" || text.trim().length < least || text.length > most)
      refuse(`bad_${name}`, `${name} must be a text of ${least} to ${most} characters`);
    // Postgres stores no NUL, and nobody should have to read the others.
    if (CONTROL.test(text)) refuse(`bad_${name}`, `${name} must be without control characters`);
  }
  checkUpdateId();
}

/** The id of an update is the caller's, and is written down. */
export function checkUpdateId(): void {
  const id = currentUpdateInfo()?.id ?? "";
  if (id.length > UPDATE_ID_LENGTH || CONTROL.test(id))
    refuse(
      "bad_update_id",
      `the id of the update must be printable, of at most ${UPDATE_ID_LENGTH} characters`,
    );
}

/** Writes the command down before anything is done. Once for each update, however often the step runs. */
export function audit(
  action: OperatorAction,
  { by, reason }: OperatorCommand,
  details: object = {},
): Promise<void> {
  const target = workflowInfo().workflowId;
  const requestId = currentUpdateInfo()?.id ?? "";
  return operatorSteps.recordOperatorAction({ action, target, requestId, by, reason, details });
}

/** A command: checked, written down, then done. */
export function setCommand<T>(
  update: UpdateDefinition<T, [OperatorCommand]>,
  action: OperatorAction,
  description: string,
  check: () => void,
  work: () => Promise<T>,
): void {
  setHandler(
    update,
    async (command) => {
      await audit(action, command);
      return work();
    },
    {
      description,
      validator: (command) => {
        checkOperator(command);
        check();
      },
    },
  );
}

/** The commands that auctions and meetings have in common. */
export function setCommonCommands(
  ref: AuctionRef,
  patience: Patience,
  current: () => AuctionState | MeetingState,
  onReport: (report: ChainReport) => void,
): void {
  setCommand(
    retryFailedStepUpdate,
    "retry",
    "Try the step that failed again now, instead of waiting",
    () => {
      if (current().problem === null)
        refuse("nothing_failed", "no step of this process has failed");
    },
    async () => {
      patience.nudge();
      return current();
    },
  );
  const { chainId, contract, auctionId } = ref;
  setCommand(
    recheckChainUpdate,
    "recheck",
    "Ask the contract itself, compare, and go on with what it says",
    () => undefined,
    async () => {
      const report = await operatorSteps.lookAtChain({ chainId, contract, auctionId });
      onReport(report);
      patience.nudge();
      return report;
    },
  );
}

/** Pauses or resumes a wallet: in the database, where its sender looks, with the audit in the same transaction. */
export function setWalletCommand(
  update: UpdateDefinition<void, [OperatorCommand]>,
  action: "pause-wallet" | "resume-wallet",
  { chainId, address }: { readonly chainId: number; readonly address: string },
  onDone: () => void,
): void {
  const step = action === "pause-wallet" ? operatorSteps.pauseWallet : operatorSteps.resumeWallet;
  setHandler(
    update,
    async ({ by, reason }) => {
      await step({ chainId, address, requestId: currentUpdateInfo()?.id ?? "", by, reason });
      onDone();
    },
    {
      description:
        action === "pause-wallet"
          ? "Stop this wallet: it signs and sends nothing until it is resumed"
          : "Let this wallet work again",
      validator: checkOperator,
    },
  );
}
