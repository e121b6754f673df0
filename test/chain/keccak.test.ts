import { keccak256 } from "ethers";
import { keccak256Of } from "../../src/chain/keccak.ts";
import { fc, runs } from "../support/random.ts";

const NOTHING = new Uint8Array();
/** In the first moment, in which WebAssembly is not compiled yet. */
const first = keccak256Of(NOTHING);

test("the hash is the same, whoever computes it", () => {
  expect(first).toBe(keccak256(NOTHING));
  const bytes = fc.uint8Array({ maxLength: 2_000 });
  fc.assert(
    fc.property(bytes, (given) => keccak256Of(given) === keccak256(given)),
    { numRuns: runs(100) },
  );
});
