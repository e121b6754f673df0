import { getAddress, Transaction, Wallet } from "ethers";
import { z } from "zod";
import { AppError, refused, unavailable } from "../../errors.ts";
import { boundedFetch, OutsideError, parseJson } from "../../outside/bounded-fetch.ts";

/** What is to be signed: an EIP-1559 transaction in full. Amounts in wei. */
export interface UnsignedTransaction {
  readonly type: 2;
  readonly chainId: number;
  readonly nonce: number;
  readonly to: string;
  readonly data: string;
  readonly gasLimit: number;
  readonly value: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Signs for one wallet: with its key (an ethers Wallet), or by asking whoever keeps it. */
export interface TransactionSigner {
  /** Checksummed. */
  readonly address: string;
  /** The signed transaction, hexadecimal. @throws AppError retry `signer_unavailable`; refuse `signer_refused` */
  signTransaction(transaction: UnsignedTransaction): Promise<string>;
}

/** A signature is waited for while a block approaches. */
const TIMEOUT_MS = 2_000;

const Answer = z.union([
  z.object({ result: z.unknown().refine((result) => result !== undefined) }),
  z.object({
    error: z.looseObject({ code: z.number().optional(), message: z.string().max(1_000) }),
  }),
]);
/** JSON-RPC's "internal error": the signer's own trouble (its vault does not answer), and no word about what it was asked. */
const INTERNAL_ERROR = -32_603;
const Raw = z.string().regex(/^0x[0-9a-f]{2,400000}$/i);

const quantity = (value: number | bigint): string => `0x${value.toString(16)}`;

/**
 * A signer behind Ethereum's JSON-RPC, as web3signer is (`eth_signTransaction`): no process of the product has the key. What it
 * answers is not believed: only a signature of that wallet over exactly what was asked for passes.
 */
export class RemoteSigner implements TransactionSigner {
  readonly address: string;
  readonly #url: string;

  constructor(url: string, address: string) {
    this.#url = url;
    this.address = getAddress(address);
  }

  async signTransaction(asked: UnsignedTransaction): Promise<string> {
    const raw = Raw.safeParse(
      await callSigner(this.#url, "eth_signTransaction", [
        {
          from: this.address,
          to: asked.to,
          data: asked.data,
          gas: quantity(asked.gasLimit),
          nonce: quantity(asked.nonce),
          value: quantity(asked.value),
          maxFeePerGas: quantity(asked.maxFeePerGas),
          maxPriorityFeePerGas: quantity(asked.maxPriorityFeePerGas),
        },
      ]),
    );
    const signed = raw.success ? read(raw.data) : undefined;
    if (
      signed?.from !== this.address ||
      signed.unsignedHash !== Transaction.from({ ...asked }).unsignedHash
    )
      throw refused(
        "signer_refused",
        `the signer gave something else than ${this.address}'s signature over what was asked for: does it serve chain ${asked.chainId}?`,
        502,
      );
    return signed.raw;
  }
}

/** The wallets a remote signer signs for, checksummed. @throws AppError retry `signer_unavailable`; refuse `signer_refused` */
export async function walletsOfSigner(url: string): Promise<string[]> {
  const wallets = z
    .array(z.string().regex(/^0x[0-9a-f]{40}$/i))
    .max(10_000)
    .safeParse(await callSigner(url, "eth_accounts", []));
  if (!wallets.success) throw refused("signer_refused", "the signer did not list its wallets", 502);
  return wallets.data.map((one) => getAddress(one.toLowerCase()));
}

/** A wallet whose key is in this process. */
export function localSigner(privateKey: string): TransactionSigner {
  return new Wallet(privateKey);
}

interface Signed {
  readonly from: string | null;
  readonly unsignedHash: string;
  readonly raw: string;
}

/** Who signed what; undefined of what is no transaction, or has a signature that is nobody's. */
function read(answer: string): Signed | undefined {
  try {
    const { from, unsignedHash, serialized: raw } = Transaction.from(answer);
    return { from, unsignedHash, raw };
  } catch {
    return undefined;
  }
}

async function callSigner(
  url: string,
  method: string,
  params: readonly unknown[],
): Promise<unknown> {
  try {
    const answer = await boundedFetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      timeoutMs: TIMEOUT_MS,
    });
    // What stands before the signer answers so when it is away.
    if (answer.status >= 500) throw new OutsideError(`it answered ${answer.status}`, answer.status);
    const parsed = Answer.safeParse(parseJson(answer));
    if (!parsed.success) throw new OutsideError("it answered no JSON-RPC", answer.status);
    if ("error" in parsed.data && parsed.data.error.code === INTERNAL_ERROR)
      throw new OutsideError(`it has failed: ${parsed.data.error.message}`, answer.status);
    if ("error" in parsed.data)
      throw refused(
        "signer_refused",
        `the signer refuses ${method}: ${parsed.data.error.message}`,
        502,
      );
    return parsed.data.result;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = error instanceof OutsideError ? error.message : "of an unknown kind";
    throw unavailable(
      "signer_unavailable",
      `the signer (PLATFORM_SIGNER_URL) could not be asked: ${reason}`,
    );
  }
}
