// The troubles a live Para can be in, on the sandbox's control endpoint, as the real SDK meets them.
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { createParaClient, type ParaClient } from "../../src/para/index.ts";
import { control, signIn, startParaSandbox } from "../support/sandboxes.ts";
import { outcomeOf } from "./refusals.ts";

let para: ParaSandbox;
let client: ParaClient;

beforeEach(async () => {
  para = await startParaSandbox();
  client = createParaClient({ ...para.config, timeoutMs: 180_000 });
});
afterEach(() => para.stop());

const both = async (person: { verificationToken: string; session: string }): Promise<string[]> => [
  await outcomeOf(() => client.verifyToken(person.verificationToken)),
  await outcomeOf(() => client.importSession(person.session)),
];

test.each([
  ["expire", ["refuse para_token_invalid 401", "refuse para_session_inactive 401"]],
  ["deactivate", ["refuse para_token_invalid 401", "refuse para_session_inactive 401"]],
])("a session that is made to %s logs nobody in", async (what, outcomes) => {
  const ada = await signIn(para, "ada@example.org");
  await control(para, `sessions/${what}`, { verificationToken: ada.verificationToken });
  expect(await both(ada)).toEqual(outcomes);
});

test("a session whose login is finished later logs in from then on", async () => {
  const ada = await signIn(para, "ada@example.org");
  const { verificationToken } = ada;
  await control(para, "sessions/deactivate", { verificationToken });
  await control(para, "sessions/activate", { verificationToken });
  await expect(client.importSession(ada.session)).resolves.toMatchObject({
    paraUserId: ada.userId,
  });
});

test("a session ends by itself when its time is over", async () => {
  const ada = await signIn(para, { email: "ada@example.org", sessionMs: 1 });
  // Para says so as soon as its clock has moved on.
  let outcomes: string[];
  do outcomes = await both(ada).catch(() => []);
  while (outcomes.length === 0);
  expect(outcomes).toEqual(["refuse para_token_invalid 401", "refuse para_session_inactive 401"]);
});

test("new signing keys are fetched when the first JWT needs them; old ones go on being good", async () => {
  const ada = await signIn(para, "ada@example.org");
  await client.importSession(ada.session);
  for (let n = 0; n < 3; n += 1) {
    await control(para, "keys/rotate", {});
    await expect(client.importSession(ada.session)).resolves.toMatchObject({
      identity: { identifier: "ada@example.org" },
    });
  }
});

test.each([
  ["a key nobody knows is Para's trouble", false, "retry para_unavailable 503"],
  ["a key under another's name is a forgery", true, "refuse para_jwt_invalid 401"],
])("a JWT that is signed by %s", async (_name, named, outcome) => {
  const ada = await signIn(para, "ada@example.org");
  await client.importSession(ada.session);
  await control(para, "keys/lose", { named });
  expect(await outcomeOf(() => client.importSession(ada.session))).toBe(outcome);
  await control(para, "keys/rotate", {});
  await expect(client.importSession(ada.session)).resolves.toMatchObject({
    paraUserId: ada.userId,
  });
});

test("while the app's keys are refused nobody is told that they are logged out", async () => {
  const ada = await signIn(para, "ada@example.org");
  await control(para, "api-keys", { revoked: true });
  expect(await both(ada)).toEqual(["retry para_unavailable 503", "retry para_unavailable 503"]);
  await control(para, "api-keys", { revoked: false });
  await expect(client.verifyToken(ada.verificationToken)).resolves.toMatchObject({
    authType: "email",
  });
});

test("slow answers are waited for, as long as they come in time", async () => {
  const ada = await signIn(para, "ada@example.org");
  para.addFault({ path: "*", mode: "slow", delayMs: 30 });
  await expect(client.verifyToken(ada.verificationToken)).resolves.toMatchObject({
    identifier: "ada@example.org",
  });
  await expect(client.importSession(ada.session)).resolves.toMatchObject({
    paraUserId: ada.userId,
  });
  para.clearFaults();
  para.addFault({ path: "*", mode: "slow", delayMs: 60_000 });
  client = createParaClient({ ...para.config, timeoutMs: 100 });
  expect(await both(ada)).toEqual(["retry para_unavailable 503", "retry para_unavailable 503"]);
});

test.each([
  ["phone", "+15551234567", "phone", "+15551234567"],
  [
    "externalWallet",
    "0x54c45dd6515f8ef6b6f39329c3461d29fa14aa76",
    "external_wallet",
    "0x54c45dD6515F8Ef6B6F39329C3461d29fA14AA76",
  ],
  ["farcaster", "Ada", "farcaster", "ada"],
  ["telegram", "1234567", "telegram", "1234567"],
])(
  "somebody who came by %s is the same person by token and by session",
  async (authType, identifier, expectedType, expected) => {
    const person = await signIn(para, { authType, identifier });
    const identity = { authType: expectedType, identifier: expected };
    await expect(client.verifyToken(person.verificationToken)).resolves.toEqual(identity);
    await expect(client.importSession(person.session)).resolves.toMatchObject({ identity });
  },
);

test("a person's share never gets as far as what is kept", async () => {
  const plain = await signIn(para, "ada@example.org");
  const shared = await signIn(para, { email: "ada@example.org", withSigner: true });
  const read = (text: string): string => Buffer.from(text, "base64").toString();
  const { signer } = (JSON.parse(read(shared.session)) as Exported).wallets[shared.walletId] ?? {};
  expect(signer?.length).toBeGreaterThan(20);
  const { exported } = await client.importSession(shared.session);
  expect(read(exported)).not.toContain(signer);
  // What is kept is still a session: it can be imported again.
  await expect(client.importSession(exported)).resolves.toMatchObject({ paraUserId: plain.userId });
});

interface Exported {
  readonly wallets: Readonly<Record<string, { readonly signer?: string }>>;
}
