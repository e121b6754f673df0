// `npm run deploy` against a real chain.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Contract, JsonRpcProvider, Wallet } from "ethers";
import artifact from "../../contracts/artifacts/MeetingAuction.json" with { type: "json" };
import { type Anvil, startAnvil } from "../../dev/chain/anvil.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";

let anvil: Anvil;
let provider: JsonRpcProvider;
beforeAll(async () => {
  anvil = await startAnvil({});
  provider = new JsonRpcProvider(anvil.rpcUrl, undefined, { cacheTimeout: -1 });
});
afterAll(async () => {
  provider.destroy();
  await anvil.stop();
});

const operator = Wallet.createRandom().address;
const admin = Wallet.createRandom().address;

function run(
  args: readonly string[],
  key = anvil.accounts[0]?.privateKey ?? "",
  rpcUrl = anvil.rpcUrl,
): Promise<{ readonly code: number; readonly output: string; readonly errors: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(repositoryRoot, "scripts/deploy.ts"), "--rpc", rpcUrl, ...args],
      { env: { PATH: process.env["PATH"], DEPLOYER_PRIVATE_KEY: key } },
      (_error, output, errors) => resolve({ code: child.exitCode ?? -1, output, errors }),
    );
  });
}

const contractAt = (address: string): Contract => new Contract(address, artifact.abi, provider);

test("an endpoint that refuses is told of without the key in its address", async () => {
  const server = createServer((_request, response) => response.writeHead(401).end("no"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v3/key-of-the-provider`;
  const { code, output, errors } = await run(["--operators", operator], undefined, url);
  server.close();
  expect(code).toBe(1);
  expect(errors).toContain("401");
  expect(output + errors).not.toContain("key-of-the-provider");
});

test("it deploys nothing until it is told to, and then what it said", async () => {
  const args = ["--operators", operator, "--admin", admin, "--fee-bps", "100"];
  const told = await run(args);
  expect(told).toMatchObject({ code: 0, output: expect.stringContaining("nothing was done") });
  expect(await provider.getBlockNumber()).toBe(0);

  const { code, output } = await run([...args, "--yes"]);
  expect(code).toBe(0);
  const address = /^AUCTION_CONTRACT_ADDRESS=(0x\w{40})$/m.exec(output)?.[1] ?? "";
  expect(Number(/^AUCTION_CONTRACT_BLOCK=(\d+)$/m.exec(output)?.[1])).toBeGreaterThan(0);
  const auction = contractAt(address);
  const call = auction.getFunction.bind(auction);
  expect(await call("hasRole")(await call("OPERATOR_ROLE")(), operator)).toBe(true);
  expect(await call("hasRole")(await call("PAUSER_ROLE")(), admin)).toBe(true);
  expect((await call("pendingDefaultAdmin")())[0]).toBe(admin);
  const config = await call("config")();
  expect([config.feeBps, config.feeRecipient, config.minDurationS]).toEqual([100n, admin, 3_600n]);

  // Another operator later, and nothing twice.
  const second = Wallet.createRandom().address;
  const before = await provider.getTransactionCount(anvil.accounts[0]?.address ?? "");
  const again = ["--operators", `${operator},${second}`, "--admin", admin, "--contract", address];
  expect((await run([...again, "--yes"])).code).toBe(0);
  expect(await call("hasRole")(await call("OPERATOR_ROLE")(), second)).toBe(true);
  expect(await provider.getTransactionCount(anvil.accounts[0]?.address ?? "")).toBe(before + 1);
});

test.each([
  [["--operators", "nobody"], "--operators takes an address"],
  [[], "--operators takes the addresses"],
  [["--operators", operator, "--fee-bps", "2000"], "--fee-bps takes a whole number from 0 to 1000"],
  [["--operators", operator, "--min-duration-s", "9", "--max-duration-s", "8"], "is more than"],
])("%j is refused, and the usage told", async (args, problem) => {
  const { code, errors } = await run(args);
  expect([code, errors]).toEqual([2, expect.stringContaining(problem)]);
});

test("a deployer without funds is told so, and its key is in no line", async () => {
  const poor = Wallet.createRandom();
  const { code, output, errors } = await run(["--operators", operator, "--yes"], poor.privateKey);
  expect([code, errors]).toEqual([
    1,
    expect.stringMatching(/the deployment failed: .*insufficient/i),
  ]);
  expect(output + errors).not.toContain(poor.privateKey.slice(2));
});
