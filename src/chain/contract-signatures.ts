// Signatures of wallets that are contracts: EIP-1271, and EIP-6492 for those that are not deployed yet.
import { AbiCoder, Interface } from "ethers";
import { type JsonRpc, RpcError } from "./rpc.ts";
import { HexData } from "./types.ts";

const EIP1271 = new Interface([
  "function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)",
]);
/**
 * The answer of EIP-1271's isValidSignature that means yes: the magic value and nothing else in its word. The value is the
 * function's own selector too, so a contract that merely gives back what it was called with begins like a yes.
 */
const EIP1271_YES = `0x1626ba7e${"0".repeat(56)}`;
/** What a contract wallet may burn for its answer; the costliest known ones (many owners, P-256 in Solidity) need a fifth. */
const EIP1271_GAS = 5_000_000;
/** One word, or the little more that sloppy wallets return; beyond it nothing is parsed. */
const EIP1271_MAX_HEX = 2 + 2 * 1_024;
/** Its deployment comes on top. */
const EIP6492_GAS = 10_000_000;
/** The end of a signature that is wrapped as EIP-6492 has it. */
const EIP6492_SUFFIX = "6492".repeat(16);

/**
 * Whether the contract at `address` accepts the signature. False for an account without code, unless the signature is wrapped as
 * EIP-6492 says: then the wallet is deployed in a simulated call, which leaves nothing on the chain, and asked there. A wallet that
 * is deployed is asked as it stands: what the wrapping says is not run against it.
 * @throws AppError `rpc_unavailable` (retry) when no endpoint answers
 */
export async function isContractSignatureValid(
  rpc: JsonRpc,
  address: string,
  hash: string,
  signature: string,
): Promise<boolean> {
  const code = await rpc.call(HexData, "eth_getCode", [address, "latest"]);
  const wrapped = unwrap(signature);
  if (code === "0x" && wrapped === undefined) return false;
  const inner = wrapped?.signature ?? signature;
  const question = EIP1271.encodeFunctionData("isValidSignature", [hash, inner]);
  const call =
    code === "0x" && wrapped !== undefined
      ? { data: deployAndAsk(wrapped, address, question), gas: hex(EIP6492_GAS) }
      : { to: address, data: question, gas: hex(EIP1271_GAS) };
  try {
    const answer = await rpc.call(HexData, "eth_call", [call, "latest"]);
    return answer.length <= EIP1271_MAX_HEX && answer.toLowerCase().startsWith(EIP1271_YES);
  } catch (error) {
    if (error instanceof RpcError) return false;
    throw error;
  }
}

interface Wrapped {
  /** Called with `deployment`, it deploys the wallet. */
  readonly factory: string;
  readonly deployment: string;
  readonly signature: string;
}

/** What is wrapped in a signature; undefined when it is not wrapped, or not well. */
function unwrap(signature: string): Wrapped | undefined {
  if (!signature.toLowerCase().endsWith(EIP6492_SUFFIX)) return undefined;
  try {
    const [factory, deployment, inner] = AbiCoder.defaultAbiCoder().decode(
      ["address", "bytes", "bytes"],
      signature.slice(0, -EIP6492_SUFFIX.length),
    );
    return { factory: String(factory), deployment: String(deployment), signature: String(inner) };
  } catch {
    return undefined;
  }
}

const hex = (value: number, bytes?: number): string => {
  const digits = value.toString(16);
  return bytes === undefined ? `0x${digits}` : digits.padStart(2 * bytes, "0");
};

/** Bytes of the code below, before the two texts that it sends. */
const CODE_BYTES = 98;
const ANSWERED = 88;

/**
 * Code of a creation that is only simulated: it calls the factory, asks the wallet, and gives its answer as what would be stored; nothing
 * when the wallet reverts.
 */
function deployAndAsk({ factory, deployment }: Wrapped, wallet: string, question: string): string {
  const texts = [deployment.slice(2), question.slice(2)];
  const [deploymentBytes = 0, questionBytes = 0] = texts.map((text) => text.length / 2);
  const push3 = (value: number): string => `62${hex(value, 3)}`;
  const push20 = (address: string): string => `73${address.slice(2)}`;
  const code = [
    // Both texts into memory: CODECOPY(0, CODE_BYTES, length).
    `${push3(deploymentBytes + questionBytes)}61${hex(CODE_BYTES, 2)}600039`,
    // CALL(gas, factory, value 0, deployment, no answer), whose success nobody asks for.
    `60006000${push3(deploymentBytes)}60006000${push20(factory)}5af150`,
    // STATICCALL(gas, wallet, question, no answer yet)
    `60006000${push3(questionBytes)}${push3(deploymentBytes)}${push20(wallet)}5afa`,
    // Reverted: RETURN nothing. Else the whole answer.
    `60${hex(ANSWERED, 1)}57600080f3`,
    `5b3d6000803e3d6000f3`,
  ].join("");
  return `0x${code}${texts.join("")}`;
}
