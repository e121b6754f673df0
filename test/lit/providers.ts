import { computeActionCid, createAccessGate, pinAction, readAction } from "../../src/lit/index.ts";
import type { AccessGate, AccessGateOptions } from "../../src/lit/index.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { claimOf } from "./claims.ts";

/** A way to have Lit run the gating action; every shared test runs over each. */
export interface Provider {
  readonly name: string;
  /** Where the sandbox takes requests to run the action. */
  readonly executePath: string;
  /** The settings of a gate, with what a test changes about them. `chainRpcUrl`: what the action asks about owners. */
  gate(
    lit: LitSandbox,
    chainRpcUrl: string,
    changes?: Partial<AccessGateOptions>,
  ): Promise<AccessGate>;
}

const TIMEOUT_MS = 180_000;

/** The action of the tests' deployment, as Chipotle runs it. */
export function pinnedAction(chainRpcUrl: string): { actionSource: string; actionCid: string } {
  const { chainId, contract } = claimOf();
  const actionSource = pinAction(readAction(), { chainId, contract, rpcUrls: [chainRpcUrl] });
  return { actionSource, actionCid: computeActionCid(actionSource) };
}

/** Settings for the sandbox's Chipotle; its group permits the action. */
export function chipotleOptions(lit: LitSandbox, chainRpcUrl: string): AccessGateOptions {
  const action = pinnedAction(chainRpcUrl);
  lit.permitOnChipotle(action.actionCid);
  const { network, apiUrl, apiKey, pkpAddress } = lit.chipotle;
  return { network, apiUrl, apiKey, pkpPublicKey: pkpAddress, ...action, timeoutMs: TIMEOUT_MS };
}

export const PROVIDERS: readonly Provider[] = [
  {
    name: "the nodes of v7, by the real LitNodeClient",
    executePath: "/web/execute/v1",
    gate: async (lit, _chainRpcUrl, changes) =>
      createAccessGate({ ...lit.config, timeoutMs: TIMEOUT_MS, ...changes }),
  },
  {
    name: "Chipotle, over REST",
    executePath: "/core/v1/lit_action",
    gate: async (lit, chainRpcUrl, changes) =>
      createAccessGate({ ...chipotleOptions(lit, chainRpcUrl), ...changes }),
  },
];
