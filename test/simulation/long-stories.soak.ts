// Stories of many auctions that went red before something was mended. Each cause has a quick test of its own in npm test.
import { regressions } from "./regressions.ts";
import type { Servers } from "./servers.ts";
import { expectNoViolation, RUN_LIMIT_MS, testServers } from "./support.ts";

let servers: Servers;
beforeAll(async () => {
  servers = await testServers();
});
afterAll(() => servers.stop());

test.concurrent.each(regressions)(
  "seed $seed with $auctions auctions: $was",
  async (regression) => {
    await expectNoViolation(servers, regression);
  },
  RUN_LIMIT_MS,
);
