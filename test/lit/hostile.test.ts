import { fc, runs } from "../support/random.ts";
import { id, SigningKey } from "ethers";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { AppError } from "../../src/errors.ts";
import { claimDigest } from "../../src/lit/index.ts";
import { startLitSandbox } from "../support/sandboxes.ts";
import { claimOf, signChallenge } from "./claims.ts";
import { PROVIDERS } from "./providers.ts";

let lit: LitSandbox;

beforeAll(async () => {
  lit = await startLitSandbox({ chainRpcUrl: "http://127.0.0.1:1" });
});
afterAll(() => lit.stop());

const claim = claimOf();
const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((one) => Buffer.from(one).toString("hex"));

/** Well formed, and signed by a key that is not ours, over our claim or another text. */
const wellSigned = fc.tuple(hex(32), fc.boolean()).map(([seed, ofOurClaim]) => {
  const key = new SigningKey(id(seed));
  const digest = ofOurClaim ? claimDigest(claim) : id(seed);
  return {
    granted: true,
    signature: key.sign(digest).serialized,
    publicKey: key.publicKey,
    dataSigned: digest,
  };
});

const chipotleAnswer = fc.record(
  {
    response: fc.oneof(
      fc.jsonValue(),
      wellSigned,
      fc.record({
        granted: fc.oneof(fc.boolean(), fc.jsonValue()),
        signature: hex(65).map((one) => `0x${one}`),
        publicKey: hex(64).map((one) => `0x04${one}`),
        dataSigned: fc.constant(claimDigest(claim)),
      }),
    ),
    logs: fc.oneof(fc.string(), fc.jsonValue()),
    has_error: fc.oneof(fc.boolean(), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

const share = fc.record({
  sigType: fc.constantFrom("K256", "BLS", "x"),
  signatureShare: fc.oneof(
    fc.string(),
    hex(32).map((one) => JSON.stringify(one)),
  ),
  shareIndex: fc.nat(),
  bigR: fc.oneof(
    fc.string(),
    hex(32).map((one) => JSON.stringify(`02${one}`)),
  ),
  publicKey: fc.oneof(
    fc.string(),
    hex(64).map((one) => JSON.stringify(`04${one}`)),
  ),
  dataSigned: fc.oneof(fc.string(), fc.constant(JSON.stringify(claimDigest(claim).slice(2)))),
  sigName: fc.constant("access"),
});

const nodeAnswer = fc.record({
  success: fc.boolean(),
  signedData: fc.oneof(fc.jsonValue(), fc.record({ access: fc.oneof(share, fc.jsonValue()) })),
  claimData: fc.constant({}),
  response: fc.jsonValue(),
  logs: fc.string(),
});

const HOSTILE = [
  {
    paths: ["/web/execute/v1", "/web/handshake/", "/rpc", "/blockhash"],
    answer: nodeAnswer,
    // Not 429: ethers v5, in the SDK, would go on asking the RPC for minutes after the test.
    statuses: [200, 200, 200, 400, 401, 500],
    runs: 25,
    // Some answers leave the SDK waiting: for each of those, this long.
    timeoutMs: 500,
  },
  {
    paths: ["/core/v1/lit_action", "/core/v1/get_lit_action_ipfs_id"],
    answer: chipotleAnswer,
    statuses: [200, 200, 200, 400, 401, 402, 403, 429, 500],
    runs: 100,
    timeoutMs: 1000,
  },
] as const;

describe.each(PROVIDERS.map((provider, index) => ({ provider, hostile: HOSTILE[index] })))(
  "over $provider.name",
  ({ provider, hostile }) => {
    test("whatever is answered, nobody gets in and nothing but an AppError comes out", async () => {
      if (hostile === undefined) throw new Error("no answers for this provider");
      const userSignature = await signChallenge(claim);
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...hostile.paths),
          fc.constantFrom(...hostile.statuses),
          fc.oneof(fc.jsonValue(), hostile.answer),
          async (where, status, body) => {
            lit.clearFaults();
            lit.addFault({ path: where, mode: "body", status, body });
            // A fresh gate per answer: a good connection must not hide a bad handshake.
            const gate = await provider.gate(lit, "http://127.0.0.1:1", {
              timeoutMs: hostile.timeoutMs,
            });
            try {
              if (where.endsWith("ipfs_id")) await gate.connect();
              else await gate.prove({ claim, userSignature });
              return false;
            } catch (error) {
              return (
                error instanceof AppError &&
                (error.kind === "retry"
                  ? [502, 503].includes(error.status)
                  : ["lit_denied", "lit_configuration"].includes(error.code))
              );
            } finally {
              await gate.close();
            }
          },
        ),
        { numRuns: runs(hostile.runs) },
      );
    }, 240_000);

    test("deep, long and broken answers are an outage", async () => {
      const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      for (const body of [deep, "x".repeat(5_000_000), { response: deep }]) {
        lit.clearFaults();
        lit.addFault({ path: provider.executePath, mode: "body", body });
        const gate = await provider.gate(lit, "http://127.0.0.1:1", { timeoutMs: 10_000 });
        const fresh = claimOf();
        const userSignature = await signChallenge(fresh);
        await expect(gate.prove({ claim: fresh, userSignature })).rejects.toMatchObject({
          kind: "retry",
        });
        await gate.close();
      }
    });
  },
);
