import { BlockList, isIP } from "node:net";

/** Networks that are not the public internet: our own machine, its neighbours, and what has another meaning (RFC 6890). */
const RESERVED_IPV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // Here clouds hand out their machines' credentials.
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];
/** Global unicast is 2000::/3; within it, what carries an IPv4 address or is for documentation. */
const RESERVED_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

function listOf(networks: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const reservedIpv4 = listOf(RESERVED_IPV4, "ipv4");
const reservedIpv6 = listOf(RESERVED_IPV6, "ipv6");
const unicastIpv6 = listOf(["2000::/3"], "ipv6");

/** Whether an IP address is one of the public internet: not ours, not our neighbours', not a way to write one of those. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !reservedIpv4.check(address, "ipv4");
    case 6:
      return unicastIpv6.check(address, "ipv6") && !reservedIpv6.check(address, "ipv6");
    default:
      return false;
  }
}
