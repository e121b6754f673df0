import { getAddress, id, type JsonRpcProvider } from "ethers";
import artifact from "../../contracts/artifacts/MeetingAuction.json" with { type: "json" };
import { DEV_CONFIG, type MeetingAuctionConfig } from "../../contracts/deploy.ts";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import type { AnvilAccount } from "../support/anvil.ts";

const GAS = "0xe4e1c0"; // 15,000,000

/**
 * What contracts/deploy.ts does, by accounts that anvil signs for. ethers hashes and copies the whole code a dozen times, which takes a
 * third of a second of processor time, and most test files start a chain. The first accounts are admin, operator and receiver of fees.
 */
export async function deployQuickly(
  provider: JsonRpcProvider,
  accounts: readonly AnvilAccount[],
  config: Partial<MeetingAuctionConfig>,
): Promise<{ readonly auction: string; readonly pass: string }> {
  const [from = "", operator = "", feeRecipient = ""] = accounts.map(({ address }) => address);
  const call = meetingAuctionInterface.encodeFunctionData.bind(meetingAuctionInterface);
  const include = async (transaction: object): Promise<string> => {
    const sent = { from, gas: GAS, ...transaction };
    const receipt = await provider.send("eth_sendTransactionSync", [sent]);
    if (receipt.status !== "0x1") throw new Error("a transaction of the deployment reverted");
    return String(receipt.contractAddress);
  };
  const parameters = [{ ...DEV_CONFIG, feeRecipient, ...config }, from];
  const [, encoded = ""] = meetingAuctionInterface.encodeDeploy(parameters).split("0x");
  const to = await include({ data: artifact.bytecode + encoded });
  await include({ to, data: call("grantRole", [id("OPERATOR_ROLE"), operator]) });
  const pass = await provider.send("eth_call", [{ to, data: call("pass") }, "latest"]);
  return { auction: getAddress(to), pass: getAddress(`0x${String(pass).slice(-40)}`) };
}
