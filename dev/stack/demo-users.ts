import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { JsonRpcProvider, NonceManager, parseEther, Wallet } from "ethers";
import { anvilAccounts } from "../chain/anvil.ts";
import type { Stack } from "./stack.ts";

/** A person who is logged in: with a wallet of the Para sandbox that is bound to the account and has ether, and a token. */
export interface DemoUser {
  readonly name: string;
  readonly email: string;
  readonly address: string;
  /** Of a wallet that exists in the sandbox and on the local chain only. */
  readonly privateKey: string;
  readonly token: string;
  /** Holds the token, so that a shell can use it. */
  readonly tokenFile: string;
}

const NAMES = ["alice", "bob"];
const ETHER = "100";

/**
 * Logs people in the way a frontend does: Para says who they are and which wallet is theirs (the sandbox signs anybody in),
 * the API turns that into a token. Written to `people/` of the stack's data, for whoever looks for them later.
 */
export async function demoUsers({
  urls,
  dataDir,
}: Pick<Stack, "urls" | "dataDir">): Promise<DemoUser[]> {
  const folder = join(dataDir, "people");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const users = await Promise.all(NAMES.map((name) => logIn(urls, name, folder)));
  await fund(urls.chain, users);
  for (const user of users) {
    writeFileSync(user.tokenFile, user.token, { mode: 0o600 });
    const file = join(folder, `${user.name}.json`);
    writeFileSync(file, `${JSON.stringify(user, null, 2)}\n`, { mode: 0o600 });
  }
  return users;
}

async function logIn(
  urls: { readonly api: string; readonly para: string },
  name: string,
  folder: string,
): Promise<DemoUser> {
  const email = `${name}@example.org`;
  const person: { address: string; privateKey: string; session: string } = await post(
    `${urls.para}/__sandbox/users`,
    { email },
  );
  const { token }: { token: string } = await post(`${urls.api}/api/auth/para-session`, {
    session: person.session,
  });
  const { address, privateKey } = person;
  return { name, email, address, privateKey, token, tokenFile: join(folder, `${name}.token`) };
}

/** Gives whoever has little ether some of a funded account of the local chain. */
async function fund(rpcUrl: string, users: readonly DemoUser[]): Promise<void> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { pollingInterval: 250 });
  try {
    const rich = anvilAccounts(10).at(9);
    if (rich === undefined) throw new Error("the local chain has no tenth account");
    const bank = new NonceManager(new Wallet(rich.privateKey, provider));
    const transfers = [];
    for (const { address: to } of users)
      if ((await provider.getBalance(to)) < parseEther(ETHER) / 2n)
        transfers.push(await bank.sendTransaction({ to, value: parseEther(ETHER) }));
    await Promise.all(transfers.map((one) => one.wait()));
  } finally {
    provider.destroy();
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- each caller says what the route answers
async function post(url: string, body: unknown): Promise<any> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
