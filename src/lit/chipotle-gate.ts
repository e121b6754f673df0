import { z } from "zod";
import { AppError, unavailable } from "../errors.ts";
import { boundedFetch, OutsideError, parseJson } from "../outside/bounded-fetch.ts";
import type { BoundedAnswer } from "../outside/bounded-fetch.ts";
import { computeActionCid } from "./action-cid.ts";
import { badAnswer, checkAnswer, denied } from "./answer.ts";
import { checkClaim } from "./claim.ts";
import { pkpAddress } from "./pkp.ts";
import { litProof } from "./proof.ts";
import type { AccessClaim, AccessGate, AccessGateOptions, LitProof } from "./types.ts";

const PRODUCTION_URL = "https://api.chipotle.litprotocol.com";

/** An answer of the action is 100 KB at most, and so are its logs. */
const MAX_ANSWER_BYTES = 256 * 1024;

const executed = z.looseObject({
  response: z.unknown(),
  logs: z.string(),
  has_error: z.boolean(),
});

/** What the action returns: it says no, or it gives a signature; `granted: true` alone is worth nothing. */
const decision = z.union([z.object({ granted: z.literal(false) }), litProof]);

/** What these statuses mean (lit-api-server, core/v1); the operator reads them, so they name the setting. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: "Lit does not accept our API key. Check LIT_API_KEY.",
  402: "The account of our Lit API key is out of credit. Add credit in Lit's dashboard.",
  403: "Our Lit API key may not run the access action. Permit LIT_ACTION_IPFS_CID in the key's group.",
};

/** Statuses that another try a moment later may change. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * The gate over Lit's third generation, a REST service: the text of the action goes along with every
 * request, and the service lets our usage key run it if the key's group permits the text's CID.
 * Wire protocol: LIT-Protocol/chipotle, lit-api-server/src/core/v1.
 * @throws AppError refuse 500 `lit_configuration` when a setting is missing or does not fit
 */
export function createChipotleGate(options: AccessGateOptions): AccessGate {
  const { source, apiKey, pkpId } = checkOptions(options);
  const base = `${(options.apiUrl ?? PRODUCTION_URL).replace(/\/+$/, "")}/core/v1`;
  let ready = false;
  let closed = false;

  /** One request, and once more when it did not arrive; all of it within the time limit. */
  async function post(path: string, body: unknown): Promise<BoundedAnswer> {
    const deadlineMs = Date.now() + options.timeoutMs;
    for (let attempt = 1; ; attempt++) {
      if (closed) throw unavailable("lit_unavailable", "This service is stopping. Try again.");
      try {
        const answer = await boundedFetch(`${base}/${path}`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept: "application/json",
            "x-api-key": apiKey,
          },
          body: JSON.stringify(body),
          timeoutMs: Math.max(1, deadlineMs - Date.now()),
          maxBytes: MAX_ANSWER_BYTES,
        });
        if (attempt > 1 || !PASSING.has(answer.status)) return answer;
      } catch (error) {
        if (attempt > 1 || Date.now() >= deadlineMs) throw error;
      }
    }
  }

  async function call<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    try {
      const answer = await post(path, body);
      if (answer.status !== 200) throw refusal(answer.status);
      const parsed = schema.safeParse(parseJson(answer));
      if (!parsed.success) throw badAnswer("something of an unknown shape.");
      ready = true;
      return parsed.data;
    } catch (error) {
      ready = false;
      if (error instanceof OutsideError)
        throw unavailable(
          "lit_unavailable",
          `Lit could not be reached: ${error.message}. Try again.`,
          error,
        );
      throw error;
    }
  }

  async function prove(input: {
    readonly claim: AccessClaim;
    readonly userSignature: string;
  }): Promise<LitProof> {
    const claim = checkClaim(input.claim);
    const { response, has_error: failed } = await call(
      "lit_action",
      {
        code: source,
        js_params: {
          accessClaim: claim,
          userSignature: input.userSignature,
          ...(pkpId === undefined ? {} : { pkpId }),
        },
      },
      executed,
    );
    if (failed)
      throw unavailable("lit_unavailable", "Lit could not run the access check. Try again.");
    const decided = decision.safeParse(response);
    if (!decided.success) throw badAnswer("neither a signature nor a refusal.");
    if ("granted" in decided.data) throw denied();
    checkAnswer(claim, decided.data, options.pkpPublicKey);
    return decided.data;
  }

  return {
    get ready() {
      return ready;
    },
    connect: async () => {
      // Needs no permission and costs nothing; and it shows that both sides compute the same CID.
      const cid = await call("get_lit_action_ipfs_id", source, z.string().max(128));
      if (cid === options.actionCid) return;
      ready = false;
      throw misconfigured(
        `Lit computes the CID ${cid} for the access action, we ${options.actionCid}`,
      );
    },
    prove,
    close: async () => {
      closed = true;
      ready = false;
    },
  };
}

function checkOptions(options: AccessGateOptions): {
  readonly source: string;
  readonly apiKey: string;
  readonly pkpId: string | undefined;
} {
  const { actionSource: source, apiKey } = options;
  if (apiKey === undefined) throw misconfigured("chipotle needs an API key (LIT_API_KEY)");
  if (source === undefined) throw misconfigured("chipotle needs the text of the access action");
  if (computeActionCid(source) !== options.actionCid)
    throw misconfigured("the text of the access action has another CID than LIT_ACTION_IPFS_CID");
  const address = pkpAddress(options.pkpPublicKey);
  if (address === undefined)
    throw misconfigured("LIT_PKP_PUBLIC_KEY is neither a public key nor an address");
  return { source, apiKey, pkpId: options.signer === "action" ? undefined : address };
}

/** Nobody but the operator can change it, so for the guest it is an outage; a body could hold anything and is not repeated. */
function refusal(status: number): AppError {
  return unavailable(
    "lit_unavailable",
    REFUSALS[status] ?? `Lit could not run the access check (status ${status}). Try again.`,
  );
}

function misconfigured(message: string): AppError {
  return new AppError({ kind: "refuse", code: "lit_configuration", message, status: 500 });
}
