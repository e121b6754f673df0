// Deploys the contracts. Plain JSON-RPC through ethers, so it works on any chain the key has funds on.
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet } from "ethers";
import meetingAuctionArtifact from "../../contracts/artifacts/MeetingAuction.json" with { type: "json" };

/** The constructor's `Config`; see contracts/src/IMeetingAuction.sol. */
export interface MeetingAuctionConfig {
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly minDurationS: number;
  readonly maxDurationS: number;
  readonly releaseGraceS: number;
  readonly feeBps: number;
  readonly feeRecipient: string;
  readonly minIncrementBps: number;
}

/** Short auctions and quick extensions, for a chain with one-second blocks. The fee goes to the deployer. */
export const DEV_CONFIG: Omit<MeetingAuctionConfig, "feeRecipient"> = {
  timeBufferS: 6,
  maxExtensionS: 18,
  minDurationS: 5,
  maxDurationS: 30 * 86_400,
  releaseGraceS: 7 * 86_400,
  feeBps: 250,
  minIncrementBps: 500,
};

export interface DeployOptions {
  readonly rpcUrl: string;
  readonly deployerKey: string;
  /**
   * Who shall be admin; the deployer by default. Another address becomes admin only when it calls
   * `acceptDefaultAdminTransfer` after the contract's delay of a day, which proves that someone holds its key; it can
   * pause from the start.
   */
  readonly adminAddress?: string;
  readonly operatorAddresses: readonly string[];
  readonly config?: Partial<MeetingAuctionConfig>;
}

export interface Deployment {
  readonly auctionAddress: string;
  readonly passAddress: string;
  /** The block of the deployment: where indexing starts. */
  readonly blockNumber: number;
}

export async function deployContracts(options: DeployOptions): Promise<Deployment> {
  // The default cache answers a nonce from a moment ago, the default polling asks every four seconds.
  const provider = new JsonRpcProvider(options.rpcUrl, undefined, {
    cacheTimeout: -1,
    polling: true,
  });
  provider.pollingInterval = 100;
  try {
    const wallet = new Wallet(options.deployerKey, provider);
    const deployer = new NonceManager(wallet);
    const config = { ...DEV_CONFIG, feeRecipient: wallet.address, ...options.config };
    const { abi, bytecode } = meetingAuctionArtifact;
    const deployed = await new ContractFactory(abi, bytecode, deployer).deploy(
      config,
      wallet.address,
    );
    const receipt = await deployed.deploymentTransaction()?.wait();
    if (!receipt) throw new Error("the deployment was not mined");

    const auctionAddress = await deployed.getAddress();
    const auction = new Contract(auctionAddress, abi, deployer);
    const call = auction.getFunction.bind(auction);
    const operatorRole: unknown = await call("OPERATOR_ROLE")();
    const grants = options.operatorAddresses.map((operator) => [
      "grantRole",
      operatorRole,
      operator,
    ]);
    if (options.adminAddress !== undefined && options.adminAddress !== wallet.address) {
      grants.push(["grantRole", await call("PAUSER_ROLE")(), options.adminAddress]);
      grants.push(["beginDefaultAdminTransfer", options.adminAddress]);
    }
    // Sent together and then awaited, so that on a chain with slow blocks they share one.
    const sent = [];
    for (const [method, ...args] of grants) sent.push(await call(String(method)).send(...args));
    for (const transaction of sent) await transaction.wait();

    const passAddress = String(await call("pass")());
    return { auctionAddress, passAddress, blockNumber: receipt.blockNumber };
  } finally {
    provider.destroy();
  }
}
