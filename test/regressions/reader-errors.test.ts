import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createChainReader } from "../../src/chain/reader.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";

const server = createServer((_request, response) =>
  response.end(
    JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32_005, message: "rate limited" } }),
  ),
);
afterAll(() => void server.close());

const reader = async () => {
  if (!server.listening)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `0x${"11".repeat(20)}`;
  return createChainReader({
    rpc: new JsonRpc({ endpoints: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`] }),
    chainId: 1,
    auctionContract: address,
    passContract: address,
  });
};

// reader.ts: "Every method throws AppError `rpc_unavailable` (retry) when no endpoint answers." The API makes 500 of this.
test("a node that answers 'rate limited' is an outage, not a defect", async () => {
  await expect((await reader()).passOwner("1")).rejects.toMatchObject({ code: "rpc_unavailable" });
});
