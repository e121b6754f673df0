import * as fc from "fast-check";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { AppError } from "../../src/errors.ts";
import { createAccessGate } from "../../src/lit/index.ts";
import { startLitSandbox } from "../support/sandboxes.ts";
import { claimOf, signChallenge } from "./claims.ts";

let lit: LitSandbox;

beforeAll(async () => {
  lit = await startLitSandbox({ chainRpcUrl: "http://127.0.0.1:1" });
});
afterAll(() => lit.stop());

test("whatever the nodes answer, nobody gets in and nothing but an AppError comes out", async () => {
  const userSignature = await signChallenge(claimOf());
  const share = fc.record({
    sigType: fc.constantFrom("K256", "BLS", "x"),
    signatureShare: fc.string(),
    shareIndex: fc.nat(),
    bigR: fc.string(),
    publicKey: fc.string(),
    dataSigned: fc.string(),
    sigName: fc.constant("access"),
  });
  const reply = fc.record({
    success: fc.boolean(),
    signedData: fc.oneof(fc.jsonValue(), fc.record({ access: fc.oneof(share, fc.jsonValue()) })),
    claimData: fc.constant({}),
    response: fc.jsonValue(),
    logs: fc.string(),
  });
  const path = fc.constantFrom("/web/execute/v1", "/web/handshake/", "/rpc", "/blockhash");
  await fc.assert(
    fc.asyncProperty(
      path,
      fc.constantFrom(200, 400, 401, 500),
      fc.oneof(fc.jsonValue(), reply),
      async (where, status, body) => {
        lit.clearFaults();
        lit.addFault({ path: where, mode: "body", status, body });
        // A fresh gate per answer: a good connection must not hide a bad handshake.
        const gate = createAccessGate({ ...lit.config, timeoutMs: 1000 });
        try {
          await gate.prove({ claim: claimOf(), userSignature });
          return false;
        } catch (error) {
          return error instanceof AppError;
        } finally {
          await gate.close();
        }
      },
    ),
    { numRuns: 60 },
  );
});
