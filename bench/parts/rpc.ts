/** One JSON-RPC request. @throws Error with the node's text */
export async function rpc<T = unknown>(
  url: string,
  method: string,
  params: readonly unknown[] = [],
): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = (await response.json()) as { result?: T; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result as T;
}

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Several requests in one message. @throws Error with the first text of a node's error */
export async function rpcBatch(
  url: string,
  calls: readonly { readonly method: string; readonly params: readonly unknown[] }[],
): Promise<unknown[]> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(calls.map((call, id) => ({ jsonrpc: "2.0", id, ...call }))),
    signal: AbortSignal.timeout(60_000),
  });
  const answers = (await response.json()) as { result?: unknown; error?: { message: string } }[];
  const failed = answers.find((one) => one.error !== undefined);
  if (failed !== undefined) throw new Error(String(failed.error?.message));
  return answers.map((one) => one.result);
}
