import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChain } from "../../dev/stack/chain.ts";
import { freePort } from "../../dev/stack/ports.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import type { Processes } from "../../dev/stack/processes.ts";
import { waitFor } from "../../dev/stack/wait.ts";

let folder: string;
let processes: Processes;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-chain-"));
  processes = createProcesses({ logDir: join(folder, "logs") });
});
afterEach(async () => {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const stateFile = (): string => join(folder, "chain.json");
const start = async () =>
  startChain({ processes, port: await freePort(), stateFile: stateFile(), blockTimeS: 1 });

interface Block {
  readonly number: string;
  readonly hash: string;
}

async function block(rpcUrl: string, which: string): Promise<Block | undefined> {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "eth_getBlockByNumber",
    params: [which, false],
  });
  const response = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const { result }: { result: Block | null } = JSON.parse(await response.text());
  return result ?? undefined;
}

test("the chain continues over many restarts, from the same first block", async () => {
  const genesis = new Set<string>();
  let height = 0;
  for (let run = 0; run < 6; run += 1) {
    const chain = await start();
    genesis.add((await block(chain.rpcUrl, "0x0"))?.hash ?? "");
    const first = await block(chain.rpcUrl, "latest");
    expect(Number(first?.number)).toBeGreaterThanOrEqual(height);
    const higher = await waitFor(
      async () => {
        const latest = await block(chain.rpcUrl, "latest");
        return Number(latest?.number) > height ? latest : undefined;
      },
      { what: "a new block", timeoutMs: 30_000 },
    );
    height = Number(higher.number);
    await chain.process.stop();
  }
  expect(genesis.size).toBe(1);
});

test("a state file cut short by a kill is replaced by the copy of the last start", async () => {
  await (await start()).process.stop();
  const second = await start();
  const genesis = await block(second.rpcUrl, "0x0");
  await second.process.stop();
  writeFileSync(stateFile(), readFileSync(stateFile(), "utf8").slice(0, 1000));
  const third = await start();
  expect(await block(third.rpcUrl, "0x0")).toEqual(genesis);
});

test("without anything readable the chain begins anew", async () => {
  writeFileSync(stateFile(), "{");
  const chain = await start();
  expect(await block(chain.rpcUrl, "0x0")).toBeDefined();
  await chain.process.stop();
  expect(existsSync(stateFile())).toBe(true);
});
