import { messageOf } from "../errors.ts";

/** Where an endpoint is. Its path and its credentials may be secret: only the host is ever shown. */
export interface Endpoint {
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** fetch refuses an address with credentials, and tells the whole of it: they go into a header. */
export function endpointOf(address: string): Endpoint {
  const url = new URL(address);
  const { host, username, password } = url;
  const headers = { "content-type": "application/json" };
  if (username === "" && password === "") return { url: address, host, headers };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = "";
  url.password = "";
  const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
  return { url: url.href, host, headers: { ...headers, authorization } };
}

/** The message of an error without the endpoint's address, should it hold it. */
export function shown(error: unknown, { url, host }: Endpoint): string {
  return messageOf(error).replaceAll(url, host).slice(0, 200);
}
