import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export interface Contracts {
  readonly chainId: number;
  readonly auctionAddress: string;
  readonly passAddress: string;
  readonly blockNumber: number;
  /** Of the compiled contracts: other code is deployed again. */
  readonly codeHash: string;
}

/** What the stack remembers from one start to the next, in `.dev/stack.json`. */
export interface StackState {
  readonly jwtSecret: string;
  readonly encryptionKey: string;
  readonly contracts?: Contracts;
}

/** The remembered state; secrets are made on the first start, so that tokens survive a restart. */
export function readState(file: string): StackState {
  if (existsSync(file)) {
    const state: StackState = JSON.parse(readFileSync(file, "utf8"));
    return state;
  }
  const state: StackState = {
    jwtSecret: randomBytes(36).toString("base64url"),
    encryptionKey: `dev:${randomBytes(32).toString("base64")}`,
  };
  writeState(file, state);
  return state;
}

/** Replaces the file in one step: a killed launcher leaves the old or the new one. */
export function writeState(file: string, state: StackState): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
