// A wallet of Para's answers our wallet challenge: signed by the real SDK, with the person's share, through the sandbox.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { createParaClient } from "../../src/para/index.ts";
import { createTestWorld, type TestApi, type TestWorld } from "../support/api.ts";
import { control, signIn, type SignedIn, startParaSandbox } from "../support/sandboxes.ts";

let world: TestWorld;
let para: ParaSandbox;
let api: TestApi;

beforeAll(async () => {
  [world, para] = await Promise.all([createTestWorld(), startParaSandbox()]);
  api = await world.start({ para: createParaClient({ ...para.config, timeoutMs: 180_000 }) });
});
afterAll(async () => {
  await para.stop();
  await world.close();
});

const signed = z.object({ signature: z.string().regex(/^[0-9a-f]{130}$/) });

/** What `para.signMessage` gives for a text, as a wallet library would pass it on. */
async function signByPara(person: SignedIn, message: string): Promise<string> {
  const { apiUrl, apiKey } = para.config;
  const { session, walletId } = person;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(repositoryRoot, "test/para/sign-in-child.ts"),
      JSON.stringify({ apiUrl, apiKey, session, walletId, message }),
    ],
    { env: { PATH: process.env["PATH"] }, timeout: 50_000 },
  );
  const { signature } = signed.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  // Para gives the recovery id as 0 or 1, Ethereum writes 27 or 28.
  return `0x${signature.slice(0, 128)}${(Number(signature.slice(128)) + 27).toString(16)}`;
}

test("the signature of a Para wallet binds it, and no other wallet", async () => {
  const person = await signIn(para, { email: "ada@example.org", withSigner: true });
  const { body: login } = await api.request("/api/auth/para-auth", {
    json: { verificationToken: person.verificationToken },
  });
  const ask = async (address: string) =>
    (await api.request("/api/auth/wallet-challenge", { token: login.token, json: { address } }))
      .body;
  const bind = (challengeId: string, signature: string) =>
    api.request("/api/auth/wallets", { token: login.token, json: { challengeId, signature } });

  const own = await ask(person.address);
  const signature = await signByPara(person, own.message);
  const bob = await signIn(para, "bob@example.org");
  const other = await ask(bob.address);
  expect((await bind(other.challengeId, signature)).status).toBe(403);
  const bound = await bind(own.challengeId, signature);
  expect([bound.status, bound.body.wallets]).toEqual([200, [person.address]]);
});

test("an ended session signs nothing, and neither does another person's share", async () => {
  const ada = await signIn(para, { email: "ada@example.org", withSigner: true });
  const bob = await signIn(para, { email: "bob@example.org", withSigner: true });
  await control(para, "sessions/expire", { verificationToken: ada.verificationToken });
  await expect(signByPara(ada, "text")).rejects.toThrow();
  const share = /"signer":"([^"]+)"/;
  const read = (session: string): string => Buffer.from(session, "base64").toString();
  const fresh = await signIn(para, { email: "ada@example.org", withSigner: true });
  const mixed = read(fresh.session).replace(
    share,
    `"signer":"${share.exec(read(bob.session))?.[1]}"`,
  );
  const session = Buffer.from(mixed).toString("base64");
  await expect(signByPara({ ...fresh, session }, "text")).rejects.toThrow();
});
