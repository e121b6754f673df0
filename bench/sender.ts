// What it costs to give due operations their nonce: claiming, signing and storing, in one commit.
import { Wallet } from "ethers";
import { startAnvil } from "../dev/chain/anvil.ts";
import { deployContracts } from "../contracts/deploy.ts";
import { JsonRpc } from "../src/chain/rpc.ts";
import { requestOperation } from "../src/chain/sending/operations.ts";
import { WalletSender } from "../src/chain/sending/sender.ts";
import { auctionWorkflowId, operationKey } from "../src/domain/process.ts";
import { silentLogger } from "../src/logging.ts";
import { atMost, type Bench, type BenchContext, type Figure, quantile } from "./bench.ts";
import { startDatabase } from "./parts/database.ts";

const ROUNDS = 200;
/** Rounds that warm up the compiler and the connection. */
const WARM_UP = 20;
const ITEMS = 50;
const CAP_WEI = 10n ** 15n;

export const sender: Bench = {
  name: "sender",
  what: `claim, sign and store a batch of ${ITEMS} ends, ${ROUNDS} times`,
  run,
};

/** Notes when the last question before the allocation was answered, and when the first broadcast after it began. */
class TimedRpc extends JsonRpc {
  #askedAtMs = 0;
  readonly allocationsMs: number[] = [];

  override async callEndpoint(
    index: number,
    method: string,
    parameters: readonly unknown[],
    timeoutMs?: number,
  ): Promise<unknown> {
    if (method === "eth_sendRawTransaction" && this.#askedAtMs > 0) {
      this.allocationsMs.push(performance.now() - this.#askedAtMs);
      this.#askedAtMs = 0;
    }
    const answer = await super.callEndpoint(index, method, parameters, timeoutMs);
    if (method === "eth_maxPriorityFeePerGas") this.#askedAtMs = performance.now();
    return answer;
  }
}

async function run(context: BenchContext): Promise<Figure[]> {
  const database = await startDatabase(context);
  const anvil = await startAnvil();
  context.atEnd(() => anvil.stop());
  const [deployer, platform] = anvil.accounts;
  if (deployer === undefined || platform === undefined) throw new Error("anvil has no accounts");
  const { auctionAddress, passAddress } = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    deployerKey: deployer.privateKey,
    operatorAddresses: [platform.address],
  });
  const { db } = database;
  const chainId = 31_337;
  const auctionContract = auctionAddress.toLowerCase();
  const rpc = new TimedRpc({ endpoints: [anvil.rpcUrl] });
  const walletSender = new WalletSender({
    rpc,
    db,
    signer: new Wallet(platform.privateKey),
    chainId,
    auctionContract,
    passContract: passAddress.toLowerCase(),
    confirmations: 1,
    finalityDepth: 1,
    feeCaps: { end: CAP_WEI, mint: CAP_WEI, settle: CAP_WEI, cancel: CAP_WEI },
    maxBatchItems: ITEMS,
    logger: silentLogger(),
  });
  await walletSender.start();
  context.note(`${ROUNDS + WARM_UP} batches, one a round, on a chain that mines at once`);
  for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
    await db.transaction(async (tx) => {
      for (let item = 0; item < ITEMS; item += 1) {
        const auctionId = String(1_000_000 + round * ITEMS + item);
        const ref = { chainId, contract: auctionContract, auctionId };
        const key = operationKey("end", ref);
        const workflowId = auctionWorkflowId(ref);
        await requestOperation(tx, { ...ref, key, kind: "end", notBeforeS: 0, workflowId });
      }
    });
    await walletSender.tick();
  }
  const allocationsMs = rpc.allocationsMs.slice(WARM_UP);
  const p99 = quantile(allocationsMs, 0.99);
  return [
    { name: "batches", value: allocationsMs.length, unit: "batches" },
    { name: "claim + sign + store, p50", value: quantile(allocationsMs, 0.5), unit: "ms" },
    {
      name: "claim + sign + store, p99",
      value: p99,
      unit: "ms",
      target: atMost(p99, 25),
    },
  ];
}
