import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";

/**
 * The address a request came from. Behind our own proxies (`trustedProxies` of them in a row) each appends to X-Forwarded-For
 * whom it heard from, so the caller is that many entries from the end; what stands before it anybody could have written.
 */
export function callerAddress(request: IncomingMessage, trustedProxies: number): string {
  const peer = request.socket.remoteAddress ?? "unknown";
  if (trustedProxies === 0) return peer;
  const header = request.headers["x-forwarded-for"];
  const entries = String(header ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  return withoutPort(entries.at(-trustedProxies) ?? peer);
}

/** Some proxies add the port, which is another one with every connection: `192.0.2.7:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const [, ipv6, ipv4] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  return ipv6 ?? ipv4 ?? entry;
}

/**
 * What counts as one caller: an IPv4 address, or the /64 network that one IPv6 customer has at least, of which each request
 * could come from another address.
 */
export function callerNetwork(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.split("::");
  const head = before.split(":").filter((group) => group !== "");
  const tail = (after ?? "").split(":").filter((group) => group !== "");
  const zeros = after === undefined ? [] : Array<string>(8 - head.length - tail.length).fill("0");
  const groups = [...head, ...zeros, ...tail].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
