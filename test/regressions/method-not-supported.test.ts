// marketFees asks the preferred endpoint only: JsonRpc.call throws an RpcError "about the request" at once, without asking the
// next endpoint and without a fallback (eth_gasPrice minus the base fee). The wallet sends nothing at all.
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test.each([1, 2])(
  "a node without eth_maxPriorityFeePerGas among %i keeps no end from being sent",
  async (count) => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    const rpc = engine.endpoints(count);
    rpc.before = async (method, _parameters, index) => {
      if (method === "eth_maxPriorityFeePerGas" && index === 0)
        throw new RpcError(
          method,
          -32_601,
          "the method eth_maxPriorityFeePerGas does not exist/is not available",
        );
    };
    const sender = await engine.sender({ rpc });
    for (let block = 0; block < 5; block += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(await engine.operation(key)).toMatchObject({ settled: true });
  },
);
