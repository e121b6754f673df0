import { fc, runs } from "./support/random.ts";
import { readable } from "../src/logging.ts";

const MESSAGE = Symbol.for("message");

function lineOf(message: string, fields: Readonly<Record<string, unknown>>): string {
  const info = { level: "info", message, timestamp: "2026-11-30T12:00:00.000Z", ...fields };
  const line = readable.transform(info);
  return String(typeof line === "object" ? line[MESSAGE as never] : "");
}

test("what a stranger wrote stays text on a terminal", () => {
  const path = "/api/auctions?a=\u001b[31mred\u001b[0m\nERROR all is lost\u202e";
  expect(lineOf("request", { path })).toBe(
    String.raw`12:00:00.000 info request  path=/api/auctions?a=\u001b[31mred\u001b[0m\u000aERROR all is lost\u202e`,
  );
});

test("no text, wherever it stands, brings a control character into a line", () => {
  const anything = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(anything, anything, (message, value) => {
      const line = lineOf(message, { value, nested: { value }, list: [value] });
      return !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(line);
    }),
    { numRuns: runs(200) },
  );
});
