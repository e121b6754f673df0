// The fault-injecting proxy before a real node: invisible without rules, and each fault as a provider shows it.
import { Transaction, Wallet } from "ethers";
import { type Anvil, startAnvil } from "../support/anvil.ts";
import {
  acceptThenError,
  answerWrapped,
  dropResponse,
  neverForward,
  rangeTooLarge,
  staleNonce,
  staleReceipts,
  stripLogs,
  stripReceiptLogs,
  TOO_LARGE_ERRORS,
} from "./faults.ts";
import { LAGGING_METHODS, laggingBy } from "./lagging.ts";
import { FaultProxy } from "./proxy.ts";
import { markRemoved, withoutHeads } from "./sockets.ts";

const SEND = ["eth_sendRawTransaction"];
/** Init code that logs once without data: PUSH0 PUSH0 LOG0. */
const LOGGING_INIT_CODE = "0x5f5fa0";

let anvil: Anvil;
let proxy: FaultProxy;
let nonce = 0;
const seenBefore: { hash: string; nonceThen: number }[] = [];

// What a node answers is whatever a test looks for in it.
// oxlint-disable-next-line typescript/no-explicit-any
async function post(url: string, method: string, params: unknown[] = []): Promise<any> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }),
    signal: AbortSignal.timeout(20_000),
  });
  return response.json();
}

const ask = async (method: string, ...params: unknown[]) =>
  (await post(proxy.urls[0] ?? "", method, params)).result;

const direct = async (method: string, ...params: unknown[]) =>
  (await post(anvil.rpcUrl, method, params)).result;

/** Sends through the first endpoint and waits for the receipt; anvil mines a moment after it has answered. */
async function mined(raw: string, hash: string) {
  await ask("eth_sendRawTransaction", raw);
  for (;;) {
    const receipt = await direct("eth_getTransactionReceipt", hash);
    if (receipt !== null) return receipt;
  }
}

async function sign(data = "0x"): Promise<{ raw: string; hash: string }> {
  const wallet = new Wallet(anvil.accounts[0]?.privateKey ?? "");
  const raw = await wallet.signTransaction({
    type: 2,
    chainId: 31_337,
    nonce: nonce++,
    ...(data === "0x" ? { to: wallet.address } : { data }),
    gasLimit: 200_000,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 10n ** 9n,
  });
  return { raw, hash: Transaction.from(raw).hash ?? "" };
}

beforeAll(async () => {
  anvil = await startAnvil();
  proxy = await FaultProxy.start({
    rpcUrl: anvil.rpcUrl,
    wsUrl: anvil.wsUrl,
    endpoints: 2,
    sockets: 1,
    beforeFirstRaw: async ({ hash }) => {
      const transactionsThen = await direct("eth_getTransactionByHash", hash);
      seenBefore.push({ hash, nonceThen: transactionsThen === null ? 0 : 1 });
    },
  });
});
afterEach(() => proxy.calm());
afterAll(async () => {
  await proxy.close();
  await anvil.stop();
});

test("without rules every endpoint answers as the node does, errors and batches included", async () => {
  for (const url of proxy.urls) {
    expect(await post(url, "eth_chainId")).toEqual(await post(anvil.rpcUrl, "eth_chainId"));
    expect(await post(url, "eth_nonsense")).toEqual(await post(anvil.rpcUrl, "eth_nonsense"));
  }
  const batch = ["eth_chainId", "eth_blockNumber"].map((method, id) => ({
    jsonrpc: "2.0",
    id,
    method,
    params: [],
  }));
  const response = await fetch(proxy.urls[0] ?? "", {
    method: "POST",
    body: JSON.stringify(batch),
  });
  const answers = (await response.json()) as { id: number }[];
  expect(answers.map((one) => one.id)).toEqual([0, 1]);
});

test("a raw transaction is recorded, and looked at, before the node gets it; its repetition only counts", async () => {
  const { raw, hash } = await sign();
  await ask("eth_sendRawTransaction", raw);
  await post(proxy.urls[1] ?? "", "eth_sendRawTransaction", [raw]);
  expect(proxy.record.get(hash)).toMatchObject({ raw, passes: 2, firstEndpoint: 0 });
  expect(seenBefore.filter((one) => one.hash === hash)).toEqual([{ hash, nonceThen: 0 }]);
  expect(await direct("eth_getTransactionByHash", hash)).not.toBeNull();
});

test("a dropped response: the node has the transaction; one never forwarded: it has not", async () => {
  const [dropped, lost] = [await sign(), await sign()];
  proxy.add({ kind: "c", methods: SEND, fault: dropResponse, times: 1 });
  await expect(ask("eth_sendRawTransaction", dropped.raw)).rejects.toThrow();
  expect(await direct("eth_getTransactionByHash", dropped.hash)).not.toBeNull();
  proxy.add({ kind: "a", methods: SEND, fault: neverForward, times: 1 });
  await expect(ask("eth_sendRawTransaction", lost.raw)).rejects.toThrow();
  expect(await direct("eth_getTransactionByHash", lost.hash)).toBeNull();
  expect([dropped, lost].map(({ hash: at }) => proxy.record.get(at)?.taken)).toEqual([true, false]);
  // Spent: the next one passes, and both were recorded.
  expect(await ask("eth_sendRawTransaction", lost.raw)).toBe(lost.hash);
  expect(proxy.record.get(lost.hash)?.passes).toBe(2);
  expect([proxy.injected.get("a"), proxy.injected.get("c")]).toEqual([1, 1]);
});

test("an error can be answered although the node accepted, plainly and wrapped in -32603", async () => {
  const { raw, hash } = await sign();
  proxy.add({ kind: "c", methods: SEND, fault: acceptThenError(-32_000, "already known") });
  const answer = await post(proxy.urls[0] ?? "", "eth_sendRawTransaction", [raw]);
  expect(answer.error).toEqual({ code: -32_000, message: "already known" });
  expect(await direct("eth_getTransactionByHash", hash)).not.toBeNull();
  proxy.add({ kind: "d", methods: SEND, fault: answerWrapped("nonce too low") });
  const wrapped = await post(proxy.urls[0] ?? "", "eth_sendRawTransaction", [raw]);
  expect(wrapped.error).toMatchObject({ code: -32_603, data: { message: "nonce too low" } });
});

test("a request that hangs is never answered; the node has acted", async () => {
  const { raw, hash } = await sign();
  proxy.add({
    kind: "f",
    methods: SEND,
    fault: async (call, node) => {
      await node(call);
      return "hang";
    },
  });
  const abort = new AbortController();
  const request = fetch(proxy.urls[0] ?? "", {
    method: "POST",
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "eth_sendRawTransaction",
      params: [raw],
    }),
    signal: abort.signal,
  });
  let answered = false;
  void request.then(
    () => (answered = true),
    () => undefined,
  );
  while ((await direct("eth_getTransactionByHash", hash)) === null);
  expect(answered).toBe(false);
  abort.abort();
  await expect(request).rejects.toThrow();
});

test("one endpoint lags behind while the other does not: head, blocks, receipts and nonces", async () => {
  const { raw, hash } = await sign();
  const { from, blockNumber } = await mined(raw, hash);
  await direct("anvil_mine", "0x1");
  const head = Number(await direct("eth_blockNumber"));
  const behind = head - Number(blockNumber) + 1;
  proxy.add({
    kind: "stale-head",
    methods: LAGGING_METHODS,
    fault: laggingBy(behind),
    endpoint: 0,
  });
  expect(Number(await ask("eth_blockNumber"))).toBe(head - behind);
  const latest = await ask("eth_getBlockByNumber", "latest", false);
  expect(Number(latest.number)).toBe(head - behind);
  expect(await ask("eth_getBlockByNumber", `0x${head.toString(16)}`, false)).toBeNull();
  expect(await ask("eth_getTransactionReceipt", hash)).toBeNull();
  const [stale, fresh] = await Promise.all(
    proxy.urls.map((url) => post(url, "eth_getTransactionCount", [from, "latest"])),
  );
  expect(Number(fresh.result) - Number(stale.result)).toBe(1);
});

test("nonces, logs and receipts are lied about as often as asked for", async () => {
  const { raw, hash } = await sign(LOGGING_INIT_CODE);
  const { blockHash, from } = await mined(raw, hash);
  const count = Number(await ask("eth_getTransactionCount", from, "latest"));
  proxy.add({
    kind: "b",
    methods: ["eth_getTransactionCount"],
    fault: staleNonce(2),
    times: 1,
  });
  expect(Number(await ask("eth_getTransactionCount", from, "latest"))).toBe(count - 2);
  expect(Number(await ask("eth_getTransactionCount", from, "latest"))).toBe(count);

  expect(await ask("eth_getLogs", { blockHash })).toHaveLength(1);
  proxy.add({ kind: "m", methods: ["eth_getLogs"], fault: stripLogs("one") });
  proxy.add({ kind: "m", methods: ["eth_getBlockReceipts"], fault: stripReceiptLogs("all") });
  expect(await ask("eth_getLogs", { blockHash })).toHaveLength(0);
  expect((await ask("eth_getBlockReceipts", blockHash))[0].logs).toEqual([]);
});

test("a receipt goes on being answered after its block has left the chain", async () => {
  const { raw, hash } = await sign();
  proxy.add({ kind: "g", methods: ["eth_getTransactionReceipt"], fault: staleReceipts() });
  await mined(raw, hash);
  const before = await ask("eth_getTransactionReceipt", hash);
  await proxy.whileHeld(() => direct("anvil_rollback", 1));
  expect(await direct("eth_getTransactionReceipt", hash)).toBeNull();
  expect(await ask("eth_getTransactionReceipt", hash)).toEqual(before);
  nonce -= 1;
});

test.each(TOO_LARGE_ERRORS)("a range is too large: $message", async (failure) => {
  proxy.add({ kind: "range", methods: ["eth_getLogs"], fault: rangeTooLarge(2, failure) });
  const range = (toBlock: string) =>
    post(proxy.urls[0] ?? "", "eth_getLogs", [{ fromBlock: "0x0", toBlock }]);
  expect((await range("0x2")).error).toEqual(failure);
  expect((await range("0x1")).result).toBeDefined();
});

test("sockets: heads arrive, then stop while the connection stays; logs are removed; RST ends it", async () => {
  const [endpoint] = proxy.sockets;
  if (endpoint === undefined) throw new Error("no socket endpoint");
  const socket = new WebSocket(endpoint.url);
  const messages: { id?: number; params?: { result: Record<string, unknown> } }[] = [];
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.addEventListener("message", ({ data }) => messages.push(JSON.parse(String(data))));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const until = async (there: () => boolean): Promise<void> => {
    while (!there()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  for (const [id, what] of [["newHeads"], ["logs", {}]].entries())
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method: "eth_subscribe", params: what }));
  await until(() => messages.filter((one) => one.id !== undefined).length === 2);
  await direct("anvil_mine", "0x1");
  await until(() => messages.some((one) => one.params?.result["parentHash"] !== undefined));

  endpoint.transform = markRemoved;
  await ask("eth_sendRawTransaction", (await sign(LOGGING_INIT_CODE)).raw);
  await until(() => messages.some((one) => one.params?.result["removed"] === true));

  endpoint.transform = withoutHeads;
  const heads = messages.filter((one) => one.params?.result["parentHash"] !== undefined).length;
  const swallowed = endpoint.swallowed;
  await direct("anvil_mine", "0x1");
  await until(() => endpoint.swallowed > swallowed);
  expect(messages.filter((one) => one.params?.result["parentHash"] !== undefined)).toHaveLength(
    heads,
  );
  expect(endpoint.connections).toBe(1);
  endpoint.reset();
  await closed;
  expect(endpoint.connections).toBe(0);
});
