// What people do at the door and in the room, against the real API and the Jitsi sandbox.
import { generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import type { Answer, Person, TestApi } from "../support/api.ts";

/** A key pair as `prosody_password_public_key_repo_url` serves the public half of. */
export function systemKey(kid = "backend/2026"): {
  kid: string;
  privatePem: string;
  keys: ReadonlyMap<string, string>;
} {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    kid,
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    keys: new Map([[kid, publicKey.export({ type: "spki", format: "pem" }).toString()]]),
  };
}

/** Challenge, signature, access: the API's last answer. */
export async function ask(api: TestApi, meetingId: string, person: Person): Promise<Answer> {
  const challenge = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  if (challenge.status !== 201) return challenge;
  return api.request(`/api/meetings/access/${meetingId}`, {
    token: person.token,
    json: {
      challenge: challenge.body.challenge,
      signature: await person.wallet.signMessage(challenge.body.message),
    },
  });
}

/** A way into the room: the token, the room's name and the session it stands for. */
export interface WayIn {
  readonly token: string;
  readonly room: string;
  readonly sessionId: string;
}

const Claims = z.object({
  room: z.string(),
  context: z.object({ user: z.object({ id: z.string() }) }),
});

/** Asks for access and expects to get it. */
export async function wayIn(api: TestApi, meetingId: string, person: Person): Promise<WayIn> {
  const answer = await ask(api, meetingId, person);
  if (answer.status !== 200) throw new Error(`no access: ${answer.status} ${answer.text}`);
  const token: string = answer.body.token;
  const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  const { room, context } = Claims.parse(JSON.parse(text));
  return { token, room, sessionId: context.user.id };
}

/** Opens the page with a token: what Prosody answers. */
export async function join(
  jitsi: JitsiSandbox,
  { room, token }: Pick<WayIn, "room" | "token">,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${jitsi.url}/__sandbox/join`, {
    method: "POST",
    body: JSON.stringify({ room, token }),
  });
  return {
    status: response.status,
    body: z.record(z.string(), z.unknown()).parse(await response.json()),
  };
}

const Rooms = z.array(
  z.object({ room: z.string(), occupants: z.array(z.object({ userId: z.string().optional() })) }),
);

/** The sessions of those who are in a room now; undefined when there is no such room. */
export async function inRoom(jitsi: JitsiSandbox, room: string): Promise<string[] | undefined> {
  const rooms = Rooms.parse(await (await fetch(`${jitsi.url}/__sandbox/rooms`)).json());
  return rooms
    .find((one) => one.room === room)
    ?.occupants.map((one) => one.userId ?? "")
    .toSorted();
}
