// Tokens that are none of ours, or not for this, or not any more. Made by hand: the library under test makes no forgery.
import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type JsonWebKeyInput,
  type KeyObject,
} from "node:crypto";
import { endSessions } from "../../src/db/people.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { JITSI_SECRET } from "../support/api.ts";
import { signIn } from "../support/sandboxes.ts";
import type { Stage } from "./stage.ts";

const b64 = (value: object | string): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

interface Change {
  readonly header?: object;
  readonly claims?: object;
  readonly secret?: string;
  readonly hash?: "sha256" | "sha512";
  /** Instead of the one that belongs there. */
  readonly signature?: string;
}

function read(part: string | undefined): object {
  return JSON.parse(Buffer.from(part ?? "", "base64url").toString()) as object;
}

/** The host's own token with something changed, and signed anew with our secret unless the change says otherwise. */
function changed(stage: Stage, change: Change): string {
  const { host } = stage.people;
  const [header, claims] = host.token.split(".");
  const parts = `${b64({ ...read(header), ...change.header })}.${b64({ ...read(claims), ...change.claims })}`;
  const secret = change.secret ?? stage.api.deps.config.JWT_SECRET.reveal();
  const signature =
    change.signature ??
    createHmac(change.hash ?? "sha256", secret)
      .update(parts)
      .digest("base64url");
  return `${parts}.${signature}`;
}

const foreignKey = generateKeyPairSync("rsa", { modulusLength: 2_048 });

function rsaSigned(stage: Stage, key: KeyObject): string {
  const parts = `${b64({ alg: "RS256", typ: "JWT" })}.${stage.people.host.token.split(".")[1]}`;
  return `${parts}.${sign("sha256", Buffer.from(parts), key).toString("base64url")}`;
}

/** The public key Para publishes, as the PEM a careless server would use as HMAC secret. */
async function paraPublicKey(para: ParaSandbox): Promise<string> {
  const answer = await fetch(`${para.url}/.well-known/jwks.json`);
  const { keys } = (await answer.json()) as { keys: [JsonWebKeyInput["key"]] };
  return createPublicKey({ key: keys[0], format: "jwk" })
    .export({ type: "spki", format: "pem" })
    .toString();
}

/** A real Para JWT of the host, as Para's own API issues it. */
async function paraJwt(stage: Stage, para: ParaSandbox): Promise<string> {
  const { session } = await signIn(para, stage.people.host.account.identifier);
  const { sessionCookie } = read(session) as { sessionCookie: string };
  const answer = await fetch(`${para.url}/auth/jwt`, {
    method: "POST",
    headers: { "x-external-api-key": para.config.apiKey, "x-capsule-sid": sessionCookie },
    body: "{}",
  });
  return ((await answer.json()) as { token: string }).token;
}

function roomToken(stage: Stage): string {
  return stage.api.deps.jitsi.signRoomToken({
    room: stage.roomName,
    userId: stage.people.host.account.id,
    displayName: "Host",
    affiliation: "owner",
    expiresAt: new Date(Date.now() + 600_000),
  });
}

/** Claims of another token, under a header and a signature of ours: as if somebody used one secret for both. */
const resigned = (stage: Stage, token: string): string => {
  const parts = `${b64({ alg: "HS256", typ: "JWT" })}.${token.split(".")[1]}`;
  const secret = stage.api.deps.config.JWT_SECRET.reveal();
  return `${parts}.${createHmac("sha256", secret).update(parts).digest("base64url")}`;
};

/** Every bad token, by name, for the host of a scene. `revoked` ends the host's sessions, so it comes last. */
export function badTokens(para: ParaSandbox): readonly {
  readonly name: string;
  readonly make: (stage: Stage) => string | Promise<string>;
}[] {
  const forged: [string, (stage: Stage) => string | Promise<string>][] = [
    ["alg none", (s) => changed(s, { header: { alg: "none" }, signature: "" })],
    ["alg nOnE", (s) => changed(s, { header: { alg: "nOnE" }, signature: "" })],
    ["no signature", (s) => changed(s, { signature: "" })],
    ["a wrong secret", (s) => changed(s, { secret: "another-secret-that-is-long-enough-too" })],
    ["an empty secret", (s) => changed(s, { secret: "" })],
    ["HS512 with our secret", (s) => changed(s, { header: { alg: "HS512" }, hash: "sha512" })],
    ["RS256 by a foreign key", (s) => rsaSigned(s, foreignKey.privateKey)],
    ["HMAC with Para's public key", async (s) => changed(s, { secret: await paraPublicKey(para) })],
    [
      "RS256 in the header over an HMAC with Para's public key",
      async (s) => changed(s, { header: { alg: "RS256" }, secret: await paraPublicKey(para) }),
    ],
    [
      "a key brought along",
      (s) => changed(s, { header: { jwk: { kty: "oct", k: b64("mine") } }, secret: "mine" }),
    ],
    ["a key id that is a path", (s) => changed(s, { header: { kid: "/dev/null" }, secret: "" })],
    ["another type", (s) => changed(s, { header: { typ: "at+jwt" } })],
    ["another audience", (s) => changed(s, { claims: { aud: "meeting-auction-admin" } })],
    ["two audiences", (s) => changed(s, { claims: { aud: ["meeting-auction-api", "x"] } })],
    ["another issuer", (s) => changed(s, { claims: { iss: "https://accounts.example" } })],
    ["another purpose", (s) => changed(s, { claims: { purpose: "refresh" } })],
    ["a socket ticket", (s) => changed(s, { claims: { purpose: "socket" } })],
    ["no purpose", (s) => changed(s, { claims: { purpose: undefined } })],
    ["no end", (s) => changed(s, { claims: { exp: undefined } })],
    ["an end that is a text", (s) => changed(s, { claims: { exp: "4000000000" } })],
    ["a beginning in the future", (s) => changed(s, { claims: { nbf: 4_000_000_000 } })],
    ["a time of issue in the future", (s) => changed(s, { claims: { iat: 4_000_000_000 } })],
    [
      "a user that does not exist",
      (s) => changed(s, { claims: { sub: "00000000-0000-4000-8000-000000000000" } }),
    ],
    ["no epoch", (s) => changed(s, { claims: { epoch: undefined } })],
    ["a later epoch", (s) => changed(s, { claims: { epoch: 1 } })],
    ["one claim too many", (s) => changed(s, { claims: { admin: true } })],
    [
      "a changed payload under the old signature",
      (s) =>
        changed(s, {
          claims: { sub: s.people.other.account.id },
          signature: s.people.host.token.split(".")[2] ?? "",
        }),
    ],
    ["a Para JWT", (s) => paraJwt(s, para)],
    ["a Para JWT's claims under our signature", async (s) => resigned(s, await paraJwt(s, para))],
    ["a room token", roomToken],
    ["a room token's claims under our signature", (s) => resigned(s, roomToken(s))],
    [
      "a Para verification token",
      async (s) => (await signIn(para, s.people.host.account.identifier)).verificationToken,
    ],
    [
      "an exported Para session",
      async (s) => (await signIn(para, s.people.host.account.identifier)).session,
    ],
    ["nonsense", () => "nonsense"],
    ["three dots", () => "..."],
  ];
  return [
    ...forged.map(([name, make]) => ({ name: `forged: ${name}`, make })),
    {
      name: "expired",
      make: ({ api, people }) =>
        issueAccessToken(people.host.account, api.deps.config.JWT_SECRET, -1).token,
    },
    {
      name: "revoked",
      make: async ({ api, people }) => {
        await endSessions(api.db, people.host.account.id);
        return people.host.token;
      },
    },
  ];
}

/** What Jitsi's servers show: good for their own routes and for nothing else. */
export const INTEGRATION_SECRET = JITSI_SECRET;
