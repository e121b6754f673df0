// Deploys the contracts. Plain JSON-RPC through ethers, so it works on any chain the key has funds on.
import {
  Contract,
  ContractFactory,
  type ContractTransactionResponse,
  JsonRpcProvider,
  NonceManager,
  Wallet,
} from "ethers";
import meetingAuctionArtifact from "./artifacts/MeetingAuction.json" with { type: "json" };

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
  /** As soon as the contract is there: should what follows fail, it need not be deployed anew. */
  readonly onDeployed?: (deployed: Omit<Deployment, "passAddress">) => void;
}

export interface Deployment {
  readonly auctionAddress: string;
  readonly passAddress: string;
  /** The block of the deployment: where indexing starts. */
  readonly blockNumber: number;
}

/** Deploys both contracts (the pass is made by the other) and gives out the roles. @throws what ethers throws */
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
    options.onDeployed?.({ auctionAddress, blockNumber: receipt.blockNumber });
    const auction = new Contract(auctionAddress, abi, deployer);
    await grantRoles(auction, options, wallet.address);
    const passAddress = String(await auction.getFunction("pass")());
    return { auctionAddress, passAddress, blockNumber: receipt.blockNumber };
  } finally {
    provider.destroy();
  }
}

/** Gives the operators their role, and hands over to the admin. What is done already is left out, so it may be repeated. */
export async function grantRoles(
  auction: Contract,
  { operatorAddresses, adminAddress }: Pick<DeployOptions, "operatorAddresses" | "adminAddress">,
  deployerAddress: string,
): Promise<void> {
  const call = auction.getFunction.bind(auction);
  const sent: ContractTransactionResponse[] = [];
  const grant = async (role: unknown, to: string): Promise<void> => {
    if (!(await call("hasRole")(role, to))) sent.push(await call("grantRole").send(role, to));
  };
  const operatorRole: unknown = await call("OPERATOR_ROLE")();
  // Sent together and then awaited, so that on a chain with slow blocks they share one.
  for (const operator of operatorAddresses) await grant(operatorRole, operator);
  if (adminAddress !== undefined && adminAddress !== deployerAddress) {
    await grant(await call("PAUSER_ROLE")(), adminAddress);
    const [next] = (await call("pendingDefaultAdmin")()) as [string, bigint];
    if (next !== adminAddress && (await call("defaultAdmin")()) !== adminAddress)
      sent.push(await call("beginDefaultAdminTransfer").send(adminAddress));
  }
  for (const transaction of sent) await transaction.wait();
}
