import { computeAddress } from "ethers";
import { z } from "zod";
import { computeActionCid } from "../../../src/lit/action-cid.ts";
import type { Route, SandboxAnswer, SandboxRequest } from "../http.ts";
import { derive, derivePrivateKey } from "../seed.ts";
import type { LitControls } from "./controls.ts";
import { runAction } from "./run-action.ts";

export interface ChipotleConfig {
  readonly network: "chipotle";
  readonly apiUrl: string;
  /** Runs actions of the group. */
  readonly apiKey: string;
  /** Manages the account; runs everything. */
  readonly accountKey: string;
  /** Address of the account's PKP. Chipotle does not tell public keys. */
  readonly pkpAddress: string;
  readonly groupId: number;
}

const lengthOf = (value: unknown): number => JSON.stringify(value ?? null).length;

const actionRequest = z.object({
  code: z.string().nullish(),
  ipfs_id: z.string().nullish(),
  js_params: z
    .unknown()
    .refine((value) => lengthOf(value) <= 64 * 1024, "js_params are too long")
    .optional(),
});
const groupRequest = z.object({ group_id: z.int(), action_ipfs_cid: z.string() });
const MAX_RESPONSE_CHARS = 100 * 1024;

/**
 * Lit's third generation (LIT-Protocol/chipotle, lit-api-server/src/core/v1): one account with one
 * usage key, one PKP and one group, which permits the actions that were added to it.
 */
export class ChipotleSandbox {
  readonly #options: {
    readonly seed: string;
    readonly controls: LitControls;
    readonly actionTimeoutMs: number;
    readonly signal: AbortSignal;
  };
  readonly #pkp: string;
  /** CIDs that the group permits. */
  readonly #permitted = new Set<string>();
  /** Texts of actions that ran, so that the next request can name them by CID. */
  readonly #cache = new Map<string, string>();

  constructor(options: {
    readonly seed: string;
    readonly controls: LitControls;
    readonly actionTimeoutMs: number;
    readonly signal: AbortSignal;
  }) {
    this.#options = options;
    this.#pkp = derivePrivateKey(options.seed, "pkp");
  }

  config(url: string): ChipotleConfig {
    const key = (name: string): string => derive(this.#options.seed, name).toString("base64");
    return {
      network: "chipotle",
      apiUrl: url,
      apiKey: key("chipotle usage key"),
      accountKey: key("chipotle account key"),
      pkpAddress: computeAddress(this.#pkp),
      groupId: 1,
    };
  }

  /** Address of an action's own key, as `Lit.Actions.getLitActionWalletAddress` tells it. */
  actionAddress(cid: string): string {
    return computeAddress(this.#actionKey(cid));
  }

  /** What the dashboard and `add_action_to_group` do. */
  permit(cid: string): void {
    this.#permitted.add(cid);
  }

  routes(url: string): Route[] {
    const { apiKey, accountKey, groupId } = this.config(url);
    const base = "/core/v1";
    return [
      {
        method: "GET",
        path: `${base}/version`,
        handle: () => ({
          status: 200,
          body: { version: "0.1.0", commit_version: "sandbox", name: "lit-api-server" },
        }),
      },
      {
        method: "POST",
        path: `${base}/get_lit_action_ipfs_id`,
        handle: ({ text }) => {
          const code = z.string().safeParse(parseJson(text));
          return code.success
            ? { status: 200, body: computeActionCid(code.data) }
            : caught(422, "Unprocessable Entity");
        },
      },
      {
        method: "POST",
        path: `${base}/add_action_to_group`,
        handle: (request) => {
          const key = keyOf(request);
          if (key === undefined) return caught(401, "Unauthorized");
          const body = groupRequest.safeParse(parseJson(request.text));
          if (!body.success) return caught(422, "Unprocessable Entity");
          if (key !== accountKey || body.data.group_id !== groupId)
            return { status: 403, body: "The provided API key cannot manage this group." };
          this.permit(body.data.action_ipfs_cid);
          return { status: 200, body: { success: true } };
        },
      },
      {
        method: "POST",
        path: `${base}/lit_action`,
        handle: async (request) => {
          const key = keyOf(request);
          if (key === undefined) return caught(401, "Unauthorized");
          if (this.#options.controls.outOfCredit) return caught(402, "Payment Required");
          return this.#run(request, key, { apiKey, accountKey });
        },
      },
    ];
  }

  async #run(
    request: SandboxRequest,
    key: string,
    keys: { readonly apiKey: string; readonly accountKey: string },
  ): Promise<SandboxAnswer> {
    const { controls, actionTimeoutMs, signal } = this.#options;
    const body = actionRequest.safeParse(parseJson(request.text));
    if (!body.success) return caught(422, "Unprocessable Entity");
    const { code, ipfs_id: id, js_params: jsParams } = body.data;
    const source = code ? code : this.#cache.get(id ?? "");
    if (source === undefined)
      return { status: 400, body: "No cached code found. Submit the action code at least once." };
    const cid = computeActionCid(source);
    const known = key === keys.accountKey || (key === keys.apiKey && this.#permitted.has(cid));
    if (!known)
      return {
        status: 403,
        body: `The provided API key is not authorized to execute the specified action (${cid}).`,
      };
    this.#cache.set(cid, source);
    await controls.wait(signal);
    const pkp = controls.otherKey ? derivePrivateKey(this.#options.seed, "other key") : this.#pkp;
    const outcome = await runAction({
      generation: "chipotle",
      source,
      jsParams,
      // A PKP may be used in the actions of its group only, whoever asks.
      pkps: this.#permitted.has(cid) ? { [computeAddress(this.#pkp).toLowerCase()]: pkp } : {},
      actionKey: controls.otherKey ? pkp : this.#actionKey(cid),
      actionCid: cid,
      timeoutMs: actionTimeoutMs,
      signal,
    });
    if ("error" in outcome || outcome.response.length > MAX_RESPONSE_CHARS) {
      const reason = "error" in outcome ? outcome.error : "Response is too long.";
      return { status: 500, body: `Internal server error.: Actions failed with : ${reason}` };
    }
    const response = controls.denied
      ? { granted: false, reason: "denied on demand" }
      : (parseJson(outcome.response) ?? outcome.response);
    return { status: 200, body: { response, logs: outcome.logs, has_error: false } };
  }

  #actionKey(cid: string): string {
    return derivePrivateKey(this.#options.seed, `action ${cid}`);
  }
}

/** `Authorization: Bearer …` first, then `X-Api-Key`. */
function keyOf({ headers }: SandboxRequest): string | undefined {
  const bearer = /^bearer\s+(\S+)/i.exec(headers.authorization ?? "")?.[1];
  const given = headers["x-api-key"];
  return bearer ?? (typeof given === "string" && given.trim() !== "" ? given.trim() : undefined);
}

/** What the service's framework answers before any handler. */
function caught(code: number, reason: string): SandboxAnswer {
  return { status: code, body: { error: { code, reason, description: reason } } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
