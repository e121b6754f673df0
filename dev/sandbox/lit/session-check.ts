import { createPublicKey, verify } from "node:crypto";
import { decode, LitActionResource, LitPKPResource } from "@lit-protocol/auth-helpers";
import { LIT_ABILITY } from "@lit-protocol/constants";
import { verifyMessage } from "ethers";
import { z } from "zod";

const authSig = z.looseObject({
  sig: z.string(),
  derivedVia: z.string(),
  signedMessage: z.string(),
  address: z.string(),
  algo: z.string().optional(),
});

const sessionMessage = z.looseObject({
  sessionKey: z.string(),
  resourceAbilityRequests: z.array(z.looseObject({ ability: z.string() })),
  capabilities: z.array(authSig),
  expiration: z.iso.datetime(),
  nodeAddress: z.string(),
});

/**
 * Checks a session signature as Lit's nodes do: the session key signed it, for this node, it has not
 * expired, and a wallet delegated running `actionCid` and signing with PKPs to the session key.
 * Answers why not, or undefined when all is well.
 */
export function sessionProblem(
  given: unknown,
  expected: { readonly nodeUrl: string; readonly actionCid: string },
): string | undefined {
  const outer = authSig.safeParse(given);
  if (!outer.success) return "authSig is malformed";
  const { sig, derivedVia, signedMessage, address, algo } = outer.data;
  if (algo !== "ed25519" || derivedVia !== "litSessionSignViaNacl")
    return "authSig is not a session signature";
  if (!verifiesEd25519(signedMessage, sig, address)) return "the session signature does not verify";
  const parsed = sessionMessage.safeParse(parseJson(signedMessage));
  if (!parsed.success) return "the session message is malformed";
  const session = parsed.data;
  if (session.sessionKey !== address) return "the session message names another session key";
  if (session.nodeAddress !== expected.nodeUrl)
    return `the session is for the node ${session.nodeAddress}`;
  if (Date.parse(session.expiration) <= Date.now()) return "the session has expired";
  const requested = session.resourceAbilityRequests.map((request) => request.ability);
  if (
    !requested.includes(LIT_ABILITY.LitActionExecution) ||
    !requested.includes(LIT_ABILITY.PKPSigning)
  )
    return "the session does not ask for the abilities it needs";
  const problems = session.capabilities.map((capability) =>
    capabilityProblem(capability, address, expected.actionCid),
  );
  return problems.includes(undefined)
    ? undefined
    : (problems[0] ?? "the session has no capabilities");
}

/** Why a wallet's sign-in message (EIP-4361 with an EIP-5573 recap) does not delegate to the session key. */
function capabilityProblem(
  capability: z.infer<typeof authSig>,
  sessionKey: string,
  actionCid: string,
): string | undefined {
  const { signedMessage, sig, address } = capability;
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}: (.*)$`, "m").exec(signedMessage)?.[1];
  try {
    if (verifyMessage(signedMessage, sig) !== address || signedMessage.split("\n")[1] !== address)
      return "the capability is not signed by its wallet";
    if (field("URI") !== `lit:session:${sessionKey}`)
      return "the capability is for another session key";
    if (!(Date.parse(field("Expiration Time") ?? "") > Date.now()))
      return "the capability has expired";
    const recap = /^- (urn:recap:.*)$/m.exec(signedMessage)?.[1];
    if (recap === undefined) return "the capability has no recap";
    const abilities = decode(recap);
    const mayRun = abilities.verifyCapabilitiesForResource(
      new LitActionResource(actionCid),
      LIT_ABILITY.LitActionExecution,
    );
    const maySign = abilities.verifyCapabilitiesForResource(
      new LitPKPResource("*"),
      LIT_ABILITY.PKPSigning,
    );
    return mayRun && maySign
      ? undefined
      : "the capability does not cover running this action and signing";
  } catch {
    return "the capability is malformed";
  }
}

function verifiesEd25519(message: string, signatureHex: string, publicKeyHex: string): boolean {
  try {
    const key = createPublicKey({
      key: {
        kty: "OKP",
        crv: "Ed25519",
        x: Buffer.from(publicKeyHex, "hex").toString("base64url"),
      },
      format: "jwk",
    });
    return verify(null, Buffer.from(message, "utf8"), key, Buffer.from(signatureHex, "hex"));
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
