import { readFileSync } from "node:fs";
import { getAddress } from "ethers";

const ACTION = new URL("../../contracts/lit/access-action.js", import.meta.url);
/** The one line of the action that a deployment fills in. */
const UNPINNED = /^const PINNED = undefined;$/m;

/** What is written into the text of the action, so that nobody who runs it can choose it. */
export interface ActionPin {
  readonly chainId: number;
  /** Address of the MeetingPass contract. */
  readonly contract: string;
  /** RPCs that the action asks, in this order. They are part of a text that may become public: no keys in them. */
  readonly rpcUrls: readonly string[];
}

/** The text of the gating action (contracts/lit/access-action.js), or of another edition of it. */
export function readAction(path: string | URL = ACTION): string {
  return readFileSync(path, "utf8");
}

/**
 * The action for one deployment: chain, contract and RPCs become constants of its text, and so part
 * of its CID. Chipotle runs it in this form only.
 * @throws RangeError when the text has no place for them (`const PINNED = undefined;`)
 */
export function pinAction(source: string, pin: ActionPin): string {
  if (!UNPINNED.test(source))
    throw new RangeError('the action has no line "const PINNED = undefined;" to fill in');
  const { chainId, contract, rpcUrls } = pin;
  const constant = JSON.stringify({ chainId, contract: getAddress(contract), rpcUrls });
  // A function, because a dollar sign in an RPC's URL would mean something in a replacement text.
  return source.replace(UNPINNED, () => `const PINNED = ${constant};`);
}
