/** The node answered with an error. Its text decides what it means: see sending/classify.ts. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  readonly method: string;

  constructor(method: string, code: number, message: string, data?: unknown) {
    super(message);
    this.name = "RpcError";
    this.method = method;
    this.code = code;
    this.data = data;
  }
}

/** How clients say that a contract refused or failed. Every endpoint would give the same answer. */
const CONTRACT_SAID =
  /revert|invalid (opcode|jump)|bad instruction|out of ?gas|stack (under|over)flow|write protection|return data out of bounds|max call depth|vm (execution error|exception)|evm error|gas required exceeds|intrinsic gas too low|insufficient (funds|balance)/i;
/** "Execution reverted", of geth and those who follow it. */
const REVERTED = 3;
/** "Too large" in the words of the providers: the request must change, whoever is asked. */
const TOO_LARGE = /block range|results|response size|query returned|log response/i;

/**
 * Nodes and providers have endless words for trouble of their own: limits, blocks they do not have yet, state they have thrown away.
 * So an error speaks of the node, and another endpoint may do better, unless it is known to speak of the request.
 */
export function isOfRequest(error: RpcError): boolean {
  return (
    error.code === REVERTED ||
    CONTRACT_SAID.test(error.message) ||
    (error.method === "eth_getLogs" && TOO_LARGE.test(error.message))
  );
}
