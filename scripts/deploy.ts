// `npm run deploy`: puts the contracts on a chain and prints what .env needs. Without --yes it only tells what it would do.
import {
  Contract,
  formatEther,
  getAddress,
  isAddress,
  JsonRpcProvider,
  NonceManager,
  Wallet,
} from "ethers";
import artifact from "../contracts/artifacts/MeetingAuction.json" with { type: "json" };
import { deployContracts, grantRoles, type MeetingAuctionConfig } from "../contracts/deploy.ts";
import { messageOf } from "../src/errors.ts";
import { parseOptions, readOptions, UsageError, wholeNumber } from "./command-line.ts";

const USAGE = `npm run deploy -- --rpc URL --operators ADDRESS[,ADDRESS…] [options]
  the deployer's key comes from DEPLOYER_PRIVATE_KEY; it needs funds, and nothing needs it afterwards
  --operators A,B            wallets of the chain worker: they mint passes and settle
  --admin ADDRESS            who pauses, sets the fee and grants roles; they accept after a day. The deployer by default
  --fee-recipient ADDRESS    who is credited the fee; the admin by default
  --fee-bps N                platform fee in basis points, 0–1000; 250 by default
  --time-buffer-s N          a bid closer than this to the end moves it; 300 by default
  --max-extension-s N        how far all extensions together may move it; 3600 by default
  --min-duration-s N         shortest auction; 3600 by default
  --max-duration-s N         longest auction; 2592000 (30 days) by default
  --release-grace-s N        after which anyone may release what nobody settled; 1209600 (14 days) by default
  --min-increment-bps N      smallest raise in basis points of the standing bid; 500 by default
  --contract ADDRESS         go on with one that is deployed: only the roles that are missing
  --yes                      do it`;

const NUMBERS = {
  "fee-bps": ["feeBps", 250, 0, 1_000],
  "time-buffer-s": ["timeBufferS", 300, 1, 86_400],
  "max-extension-s": ["maxExtensionS", 3_600, 0, 604_800],
  "min-duration-s": ["minDurationS", 3_600, 1, 31_536_000],
  "max-duration-s": ["maxDurationS", 2_592_000, 1, 31_536_000],
  "release-grace-s": ["releaseGraceS", 1_209_600, 86_400, 31_536_000],
  "min-increment-bps": ["minIncrementBps", 500, 0, 10_000],
} as const satisfies Record<string, readonly [keyof MeetingAuctionConfig, number, number, number]>;

const address = (option: string, text: string): string => {
  const problem = `--${option} takes an address, not "${text}"`;
  if (!isAddress(text)) throw new UsageError(problem);
  return getAddress(text);
};

const options = readOptions(USAGE, (args) => {
  const text = { type: "string" } as const;
  const given = parseOptions(args, {
    rpc: text,
    operators: text,
    admin: text,
    "fee-recipient": text,
    "fee-bps": text,
    "time-buffer-s": text,
    "max-extension-s": text,
    "min-duration-s": text,
    "max-duration-s": text,
    "release-grace-s": text,
    "min-increment-bps": text,
    contract: text,
    yes: { type: "boolean" },
  });
  const key = process.env["DEPLOYER_PRIVATE_KEY"] ?? "";
  if (!/^0x[0-9a-f]{64}$/i.test(key))
    throw new UsageError(
      "DEPLOYER_PRIVATE_KEY must hold the deployer's key (0x and 64 hexadecimal digits)",
    );
  if (given.rpc === undefined || !URL.canParse(given.rpc))
    throw new UsageError("--rpc takes the URL of an RPC endpoint");
  if (given.operators === undefined)
    throw new UsageError("--operators takes the addresses of the chain worker's wallets");
  const deployer = new Wallet(key).address;
  const admin = given.admin === undefined ? deployer : address("admin", given.admin);
  const recipient = given["fee-recipient"];
  const numbers = Object.entries(NUMBERS).map(([option, [name, usual, least, most]]) => {
    const value = given[option as keyof typeof NUMBERS];
    return [name, value === undefined ? usual : wholeNumber(`--${option}`, value, least, most)];
  });
  const config = {
    ...(Object.fromEntries(numbers) as Omit<MeetingAuctionConfig, "feeRecipient">),
    feeRecipient: recipient === undefined ? admin : address("fee-recipient", recipient),
  };
  if (config.minDurationS > config.maxDurationS)
    throw new UsageError("--min-duration-s is more than --max-duration-s");
  return {
    rpcUrl: given.rpc,
    key,
    deployer,
    admin,
    operators: given.operators.split(",").map((one) => address("operators", one.trim())),
    config,
    contract: given.contract === undefined ? undefined : address("contract", given.contract),
    yes: given.yes === true,
  };
});

/** Without what ethers appends: the endpoint's address, and with it the provider's key. */
const reasonOf = (error: unknown): string => {
  const short: unknown =
    error instanceof Error && "shortMessage" in error ? error.shortMessage : undefined;
  return (typeof short === "string" ? short : messageOf(error)).slice(0, 500);
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** What the environment of the product needs to know. */
function printResult(auctionAddress: string, blockNumber: number | undefined): void {
  print(`AUCTION_CONTRACT_ADDRESS=${auctionAddress}`);
  if (blockNumber !== undefined) print(`AUCTION_CONTRACT_BLOCK=${blockNumber}`);
}

async function main(): Promise<void> {
  const { rpcUrl, key, deployer, admin, operators, config, contract } = options;
  const provider = new JsonRpcProvider(rpcUrl);
  try {
    const [{ chainId }, balance] = await Promise.all([
      provider.getNetwork(),
      provider.getBalance(deployer),
    ]);
    print(`chain ${chainId}; deployer ${deployer} with ${formatEther(balance)} ETH`);
    print(`operators ${operators.join(", ")}; admin ${admin}`);
    if (contract === undefined)
      for (const [name, value] of Object.entries(config)) print(`  ${name} ${value}`);
    if (!options.yes) return print("nothing was done: say --yes to do it");
    if (contract !== undefined) {
      const auction = new Contract(
        contract,
        artifact.abi,
        new NonceManager(new Wallet(key, provider)),
      );
      await grantRoles(auction, { operatorAddresses: operators, adminAddress: admin }, deployer);
      return printResult(contract, undefined);
    }
    const deployed = await deployContracts({
      rpcUrl,
      deployerKey: key,
      adminAddress: admin,
      operatorAddresses: operators,
      config,
      onDeployed: ({ auctionAddress, blockNumber }) => printResult(auctionAddress, blockNumber),
    });
    print(`# the pass contract is ${deployed.passAddress}`);
    if (admin !== deployer)
      print(
        `# ${admin} becomes admin by calling acceptDefaultAdminTransfer() after a day; until then it is ${deployer}`,
      );
  } finally {
    provider.destroy();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `the deployment failed: ${reasonOf(error)}\nWhere an address was printed the contract is there: go on with --contract ADDRESS\n`,
  );
  process.exitCode = 1;
}
