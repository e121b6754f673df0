import { z } from "zod";
import type { ApiConfig } from "../../config.ts";
import { actionOf } from "../../lit-options.ts";
import type { ApiDeps } from "../context.ts";
import { route } from "../route.ts";

const LitAction = z
  .strictObject({
    network: z.string().max(40),
    ipfsCid: z.string().max(100).meta({ description: "The CID of exactly this text" }),
    publicKey: z.string().max(200).meta({ description: "The key, or its address, that must sign" }),
    signer: z.enum(["pkp", "action"]).meta({
      description: "`action`: the key belongs to the text, and any account of Lit's may run it",
    }),
    code: z
      .string()
      .max(100_000)
      .meta({ description: "JavaScript, this deployment's constants included" }),
  })
  .meta({ id: "LitAction" });

/** The text does not change while a process runs. */
const texts = new WeakMap<ApiConfig, string>();

function textOf({ config, reader }: ApiDeps): string {
  const known = texts.get(config);
  if (known !== undefined) return known;
  const text = actionOf(config, reader);
  texts.set(config, text);
  return text;
}

export const litActionRoute = route({
  method: "GET",
  path: "/api/meta/lit-action",
  operationId: "getLitAction",
  tag: "meta",
  summary: "The action that a client may run at Lit by itself, to prove that it owns the pass",
  description:
    "Its parameters are `accessClaim` (the challenge's `claim`), `userSignature` (over the challenge's `message`) and, over v7 nodes, `publicKey`. What it gives back goes to `POST /api/meetings/access/:id` as `litProof`. docs/lit.md has an example for each network.",
  policy: "anyone",
  responses: { 200: LitAction },
  handler: async (_request, deps) => {
    const { config } = deps;
    return {
      status: 200,
      body: {
        network: config.LIT_NETWORK,
        ipfsCid: config.LIT_ACTION_IPFS_CID,
        publicKey: config.LIT_PKP_PUBLIC_KEY,
        signer: config.LIT_SIGNER,
        code: textOf(deps),
      },
    };
  },
});
