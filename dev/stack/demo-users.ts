/** A person who is logged in: with a wallet of the Para sandbox and a token of our API. */
export interface DemoUser {
  readonly name: string;
  readonly address: string;
  /** Of a wallet that exists in the sandbox only. */
  readonly privateKey: string;
  readonly token: string;
}

/**
 * Logs people in the way a frontend does: Para says who they are (the sandbox signs anybody in), our
 * API turns that into a token.
 */
export function demoUsers(
  urls: { readonly api: string; readonly para: string },
  names: readonly string[] = ["alice", "bob"],
): Promise<DemoUser[]> {
  return Promise.all(names.map((name) => logIn(urls, name)));
}

async function logIn(
  urls: { readonly api: string; readonly para: string },
  name: string,
): Promise<DemoUser> {
  const person: { address: string; privateKey: string; verificationToken: string } = await post(
    `${urls.para}/__sandbox/users`,
    { email: `${name}@example.org` },
  );
  const { token }: { token: string } = await post(`${urls.api}/api/auth/para-auth`, {
    verificationToken: person.verificationToken,
  });
  return { name, address: person.address, privateKey: person.privateKey, token };
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
