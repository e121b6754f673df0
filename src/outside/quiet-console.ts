import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The vendors' SDKs write banners, warnings and whole state machines (session included) to the
 * console. What they write is dropped here, and only what they write: everybody else's console
 * calls pass through, because the silence follows the asynchronous call chain.
 */
const silence = new AsyncLocalStorage<true>();
const METHODS = ["log", "info", "warn", "error", "debug", "trace"] as const;
const patched = new WeakSet<Console>();

/** Runs `work`; nothing that it starts reaches the console. */
export function withQuietConsole<T>(work: () => T): T {
  patch(globalThis.console);
  return silence.run(true, work);
}

function patch(target: Console): void {
  if (patched.has(target)) return;
  patched.add(target);
  for (const method of METHODS) {
    const original = target[method].bind(target);
    target[method] = (...parts: unknown[]): void => {
      if (silence.getStore() === undefined) original(...parts);
    };
  }
}
