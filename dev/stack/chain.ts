import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { anvilAccounts, resolveAnvilBinary } from "../chain/anvil.ts";
import { deployContracts } from "../../contracts/deploy.ts";
import { repositoryRoot } from "./paths.ts";
import type { ManagedProcess, Processes } from "./processes.ts";
import type { Contracts } from "./state.ts";
import { START_LIMIT_MS, waitFor } from "./wait.ts";

export interface ChainOptions {
  readonly processes: Processes;
  readonly port: number;
  /** The chain survives restarts in this file; without it, it is new each time. */
  readonly stateFile?: string;
  readonly blockTimeS: number;
}

export interface ChainHandle {
  readonly process: ManagedProcess;
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly chainId: number;
}

const CHAIN_ID = 31_337;
/** How much of the chain a kill -9 of anvil may lose; each time it writes the whole chain, 2 kB a block. */
const STATE_INTERVAL_S = 15;

/** The keys of the local chain's funded accounts: public knowledge, for development only. */
export function chainKeys(): { deployer: string; platform: string; platformAddress: string } {
  const [deployer, platform] = anvilAccounts(2);
  if (deployer === undefined || platform === undefined)
    throw new Error("anvil has fewer than two accounts");
  return {
    deployer: deployer.privateKey,
    platform: platform.privateKey,
    platformAddress: platform.address,
  };
}

/** Starts anvil on 127.0.0.1, continuing the chain of the state file. */
export async function startChain(options: ChainOptions): Promise<ChainHandle> {
  const { stateFile, port } = options;
  const args = ["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(CHAIN_ID)];
  args.push("--block-time", String(options.blockTimeS));
  if (stateFile !== undefined) {
    prepareState(stateFile);
    args.push("--state", stateFile, "--state-interval", String(STATE_INTERVAL_S));
  }
  const anvil = options.processes.spawn({ name: "anvil", command: resolveAnvilBinary(), args });
  const rpcUrl = `http://127.0.0.1:${port}`;
  await waitFor(
    async () => (await rpc(rpcUrl, "eth_chainId", [])) === `0x${CHAIN_ID.toString(16)}`,
    {
      what: `the chain to answer on ${rpcUrl}`,
      timeoutMs: START_LIMIT_MS,
      by: anvil,
      tryThis: "see what its log says; npm run dev -- --fresh starts from empty data",
    },
  );
  return { process: anvil, rpcUrl, wsUrl: `ws://127.0.0.1:${port}`, chainId: CHAIN_ID };
}

/** Deploys the contracts, unless the remembered ones are this code and still on the chain. */
export async function ensureContracts(
  chain: ChainHandle,
  remembered: Contracts | undefined,
): Promise<Contracts> {
  const codeHash = hashOfContracts();
  if (remembered?.codeHash === codeHash && (await hasCode(chain.rpcUrl, remembered.auctionAddress)))
    return remembered;
  const { deployer, platformAddress } = chainKeys();
  const deployed = await deployContracts({
    rpcUrl: chain.rpcUrl,
    deployerKey: deployer,
    operatorAddresses: [platformAddress],
  });
  return { chainId: chain.chainId, codeHash, ...deployed };
}

interface AnvilState {
  blocks?: { readonly header: { readonly number: string; readonly timestamp: string } }[];
}

/**
 * Makes the state of the last run fit to continue from. anvil writes it in place: a file cut short by
 * a kill is replaced by the copy of the last start. And each run adds the genesis block it had made
 * before it loaded the state; of several, a later run would take any, which reads as another chain.
 */
function prepareState(stateFile: string): void {
  if (!existsSync(stateFile)) return;
  const copy = `${stateFile}.last-start`;
  let state: AnvilState;
  try {
    state = JSON.parse(readFileSync(stateFile, "utf8"));
  } catch {
    if (existsSync(copy)) copyFileSync(copy, stateFile);
    else rmSync(stateFile);
    return;
  }
  const blocks = state.blocks ?? [];
  const first = blocks.filter(({ header }) => Number(header.number) === 0);
  const bornS = Math.min(...first.map(({ header }) => Number(header.timestamp)));
  const kept = blocks.filter(
    ({ header }) => Number(header.number) !== 0 || Number(header.timestamp) === bornS,
  );
  writeFileSync(`${copy}.new`, JSON.stringify({ ...state, blocks: kept }));
  renameSync(`${copy}.new`, copy);
  copyFileSync(copy, stateFile);
}

function hashOfContracts(): string {
  const artifact = join(repositoryRoot, "contracts/artifacts/MeetingAuction.json");
  return createHash("sha256").update(readFileSync(artifact)).digest("hex");
}

async function hasCode(rpcUrl: string, address: string): Promise<boolean> {
  const code = await rpc(rpcUrl, "eth_getCode", [address, "latest"]);
  return typeof code === "string" && code.length > 2;
}

async function rpc(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(5000),
  });
  const answer: { result?: unknown } = JSON.parse(await response.text());
  return answer.result;
}
