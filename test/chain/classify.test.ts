import { expect, test } from "@jest/globals";
import { RpcError } from "../../src/chain/rpc.ts";
import { classifySendError, isSurelyNotTaken } from "../../src/chain/sending/classify.ts";
import { unavailable } from "../../src/errors.ts";
import { FIXTURES, type SendErrorFixture } from "./classify.fixtures.ts";

const rpcError = (code: number, message: string, data?: unknown): RpcError =>
  new RpcError("eth_sendRawTransaction", code, message, data);

/** How gateways pass a node's error on; the text ends up in any of these places. */
const WRAPPINGS: Record<string, (one: SendErrorFixture) => RpcError> = {
  "as the node sent it": (one) => rpcError(one.code, one.message, one.data),
  "in a message of -32603": (one) => rpcError(-32_603, `Internal error: ${one.message}`, one.data),
  "as data of -32603": (one) => rpcError(-32_603, "Internal error", one.message),
  "as data of -32010": (one) => rpcError(-32_010, "Transaction error", one.message),
  "as data.message of -32000": (one) =>
    rpcError(-32_000, "Server error", { code: one.code, message: one.message, data: one.data }),
  "as data.error.message": (one) =>
    rpcError(-32_603, "Internal JSON-RPC error.", {
      error: { code: one.code, message: one.message, data: one.data },
    }),
  "as data.originalError.data.message": (one) =>
    rpcError(-32_603, "Internal JSON-RPC error.", {
      originalError: { code: -32_000, data: { message: one.message, data: one.data } },
    }),
  "as JSON text in data": (one) =>
    rpcError(-32_603, "upstream answered with an error", {
      body: JSON.stringify({ id: 1, error: { code: one.code, message: one.message } }),
      status: 400,
    }),
};

/** A text that counts only when it is all there is, such as erigon's "mined", is not looked for inside others. */
const WHOLE_TEXT = /^(INTERNAL_ERROR: )?(mined|spammer|transaction invalid)$/;
const KEEPS_THE_TEXT_WHOLE = new Set([
  "as the node sent it",
  "as data of -32603",
  "as data of -32010",
  "as data.message of -32000",
  "as data.error.message",
  "as data.originalError.data.message",
]);

for (const [wrapping, wrap] of Object.entries(WRAPPINGS)) {
  const fixtures = FIXTURES.filter(
    (one) =>
      (KEEPS_THE_TEXT_WHOLE.has(wrapping) || !WHOLE_TEXT.test(one.message)) &&
      // Data that carries the meaning cannot be moved elsewhere and keep it.
      (wrapping === "as the node sent it" || typeof one.data !== "object"),
  );
  test(`${fixtures.length} answers of clients mean what their sources say, ${wrapping}`, () => {
    const wrong = fixtures
      .map((one) => ({ ...one, got: classifySendError(wrap(one)) }))
      .filter((one) => one.got !== one.means);
    expect(wrong).toEqual([]);
  });
}

test("no answer at all is unknown", () => {
  expect(classifySendError(new TypeError("fetch failed"))).toBe("unknown");
  expect(classifySendError(new Error("nonce too low"))).toBe("unknown");
  expect(classifySendError(unavailable("rpc_unavailable", "already known"))).toBe("unknown");
  expect(classifySendError(undefined)).toBe("unknown");
});

test("data without end or meaning is not followed for ever", () => {
  const loop: Record<string, unknown> = {};
  loop["data"] = loop;
  expect(classifySendError(rpcError(-32_603, "Internal error", loop))).toBe("unknown");
  expect(classifySendError(rpcError(-32_603, "Internal error", null))).toBe("unknown");
});

test("only bytes that are forbidden are surely not taken", () => {
  const surely = FIXTURES.filter((one) => isSurelyNotTaken(one.means));
  expect(new Set(surely.map((one) => one.means))).toEqual(new Set(["rejected"]));
});

test("every class has a fixture, and every client named by the issue", () => {
  expect(new Set(FIXTURES.map((one) => one.means)).size).toBe(9);
  const clients = new Set(FIXTURES.map((one) => one.client));
  for (const client of [
    "geth",
    "besu",
    "nethermind",
    "erigon",
    "reth",
    "nitro",
    "anvil",
    "op-geth",
  ])
    expect(clients).toContain(client);
});
