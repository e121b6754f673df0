import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JsonRpcProvider } from "ethers";
import { deployContracts } from "../../contracts/deploy.ts";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import {
  increaseTime,
  latestTimestamp,
  mine,
  resolveAnvilBinary,
  setNextBlockTimestamp,
  startAnvil,
} from "../support/anvil.ts";
import type { Anvil } from "../support/anvil.ts";

const folder = mkdtempSync(join(tmpdir(), "anvil-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function withProvider<T>(
  anvil: Anvil,
  act: (provider: JsonRpcProvider) => Promise<T>,
): Promise<T> {
  const provider = new JsonRpcProvider(anvil.rpcUrl, undefined, {
    cacheTimeout: -1,
    batchMaxCount: 1,
  });
  try {
    return await act(provider);
  } finally {
    provider.destroy();
  }
}

test("the binary is a program, not the script around it", () => {
  expect(resolveAnvilBinary()).toMatch(/anvil(\.exe)?$/);
});

test("two chains get a port each and are gone after stop", async () => {
  const [one, two] = await Promise.all([startAnvil({ chainId: 4_242, accounts: 3 }), startAnvil()]);
  expect(one.port).not.toBe(two.port);
  expect(one.rpcUrl).toBe(`http://127.0.0.1:${one.port}`);
  expect(one.wsUrl).toBe(`ws://127.0.0.1:${one.port}`);
  await withProvider(one, async (provider) => {
    expect(await provider.send("eth_chainId", [])).toBe("0x1092");
    const funded: string[] = await provider.send("eth_accounts", []);
    expect(funded).toEqual(one.accounts.map(({ address }) => address.toLowerCase()));
  });
  expect(one.accounts[0]?.address).toBe("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
  await Promise.all([one.stop(), two.stop()]);
  await one.stop();
  expect([isRunning(one.pid), isRunning(two.pid)]).toEqual([false, false]);
});

test("a start that fails says what anvil said", async () => {
  await expect(startAnvil({ extraArgs: ["--no-such-option"] })).rejects.toThrow("--no-such-option");
  const taken = await startAnvil();
  await expect(startAnvil({ port: taken.port })).rejects.toThrow("before listening");
  await taken.stop();
});

test("the chain outlives a restart, its output goes to the log", async () => {
  const [statePath, logFile] = [join(folder, "state.json"), join(folder, "anvil.log")];
  const first = await startAnvil({ statePath, logFile });
  const [deployer, operator] = first.accounts;
  const deployment = await deployContracts({
    rpcUrl: first.rpcUrl,
    deployerKey: deployer?.privateKey ?? "",
    operatorAddresses: [operator?.address ?? ""],
  });
  await first.stop();
  expect(existsSync(statePath)).toBe(true);
  expect(readFileSync(logFile, "utf8")).toContain(`Listening on 127.0.0.1:${first.port}`);

  const second = await startAnvil({ statePath });
  await withProvider(second, async (provider) => {
    expect(await provider.getCode(deployment.auctionAddress)).not.toBe("0x");
    expect(await provider.getCode(deployment.passAddress)).not.toBe("0x");
    expect(await provider.getBlockNumber()).toBeGreaterThanOrEqual(deployment.blockNumber);
  });
  await second.stop();
});

test("tests hold the clock", async () => {
  const anvil = await startAnvil();
  await withProvider(anvil, async (provider) => {
    const startS = await latestTimestamp(provider);
    await setNextBlockTimestamp(provider, startS + 1_000);
    await mine(provider);
    expect(await latestTimestamp(provider)).toBe(startS + 1_000);
    await mine(provider, 3, 5);
    expect(await latestTimestamp(provider)).toBe(startS + 1_015);
    await increaseTime(provider, 500);
    await mine(provider);
    expect(await latestTimestamp(provider)).toBeGreaterThanOrEqual(startS + 1_515);
  });
  await anvil.stop();
});

test("a deployment for another admin: proposed, and already pauser", async () => {
  const anvil = await startAnvil();
  const [deployer, admin] = anvil.accounts;
  const { auctionAddress } = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    deployerKey: deployer?.privateKey ?? "",
    adminAddress: admin?.address ?? "",
    operatorAddresses: [],
    config: { feeBps: 100 },
  });
  await withProvider(anvil, async (provider) => {
    const read = async (method: string, ...args: unknown[]) =>
      meetingAuctionInterface.decodeFunctionResult(
        method,
        await provider.call({
          to: auctionAddress,
          data: meetingAuctionInterface.encodeFunctionData(method, args),
        }),
      );
    expect((await read("pendingDefaultAdmin"))[0]).toBe(admin?.address);
    const [pauserRole] = await read("PAUSER_ROLE");
    expect((await read("hasRole", pauserRole, admin?.address))[0]).toBe(true);
    const [config] = await read("config");
    expect([config.feeBps, config.feeRecipient, config.timeBufferS]).toEqual([
      100n,
      deployer?.address,
      6n,
    ]);
  });
  await anvil.stop();
});
