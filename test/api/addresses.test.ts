import { expect, test } from "@jest/globals";
import { fc } from "../support/random.ts";
import type { IncomingMessage } from "node:http";
import { callerAddress, callerNetwork } from "../../src/api/limits/addresses.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["unknown", "unknown"],
])("%s counts as %s", (address, network) => {
  expect(callerNetwork(address)).toBe(network);
});

test("every way to write an IPv6 address counts as the same network", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }),
      (groups) => {
        const full = groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
        // The shortest way, as the URL standard writes it.
        const short = new URL(`http://[${full}]/`).hostname.slice(1, -1);
        expect(callerNetwork(short)).toBe(callerNetwork(full));
      },
    ),
  );
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["198.51.100.1, 192.0.2.7:4711", "192.0.2.7"],
  ["[2001:db8::1]:4711", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["2001:db8::1", "2001:db8::1"],
  ["unknown", "unknown"],
])("a proxy that says %s means %s, whichever port it was", (forwarded, address) => {
  const request = { socket: {}, headers: { "x-forwarded-for": forwarded } };
  expect(callerAddress(request as unknown as IncomingMessage, 1)).toBe(address);
});
