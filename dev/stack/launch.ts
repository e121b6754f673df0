import { stackFlags, usageText } from "./flags.ts";
import { createProgress, printFailure } from "./progress.ts";
import { stopOnSignals } from "./signals.ts";
import { prepareStack, type PreparedStack, type Stack, type StackOptions } from "./stack.ts";

export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export interface Launcher {
  /** What --help says of it, and of its own flags. */
  readonly usage: { readonly title: string; readonly flags: Readonly<Record<string, string>> };
  /** Flags beside those of every launcher (flags.ts). */
  readonly flags: Readonly<Record<string, { type: "boolean" | "string" }>>;
  /** What the launcher changes in the stack that the flags describe. */
  options?(given: StackOptions, values: FlagValues): StackOptions;
  /** Works with the running stack. Returns an exit code, or nothing to stay up until a signal comes. */
  run(stack: Stack, values: FlagValues): Promise<number | undefined>;
}

type FlagValues = ReturnType<typeof stackFlags>["values"];

/**
 * The life of a launcher, from its flags to its exit code: whatever fails is explained, and everything that was started is
 * stopped, by a failure, by the end of `run` or by a signal.
 */
export async function launch(launcher: Launcher): Promise<void> {
  let stopping = false;
  let prepared: PreparedStack | undefined;
  try {
    const { options, values } = stackFlags(process.argv.slice(2), launcher.flags);
    if (values["help"] === true) {
      print(usageText(launcher.usage.title, launcher.usage.flags));
      return;
    }
    const given = { ...options, progress: createProgress() };
    const starting = prepareStack(launcher.options?.(given, values) ?? given);
    prepared = starting;
    const stop = async (): Promise<void> => {
      stopping = true;
      print("\nstopping (again to force)");
      await starting.stop();
      print("stopped");
    };
    stopOnSignals({ stop, force: starting.kill });
    const exitCode = await launcher.run(await starting.start(), values);
    if (exitCode === undefined) return;
    await starting.stop();
    process.exit(exitCode);
  } catch (error) {
    // What breaks while everything is being stopped is the stop itself.
    if (stopping) return;
    printFailure(error);
    await prepared?.stop();
    process.exit(1);
  }
}
