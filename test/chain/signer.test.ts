// A signer elsewhere: anvil, which speaks eth_signTransaction as web3signer does, and others that lie.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Transaction, Wallet } from "ethers";
import {
  RemoteSigner,
  type UnsignedTransaction,
  walletsOfSigner,
} from "../../src/chain/sending/signer.ts";
import { AppError } from "../../src/errors.ts";
import { Engine } from "./support.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A signer that answers what a test wants. */
async function signerThat(answer: (asked: { params: object[] }) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    const reply = async (): Promise<void> => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const given = await answer(JSON.parse(body) as { params: object[] });
      response.end(typeof given === "string" ? given : JSON.stringify(given));
    };
    void reply();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const wallet = new Wallet(`0x${"42".repeat(32)}`);
const asked: UnsignedTransaction = {
  type: 2,
  chainId: 31_337,
  nonce: 7,
  to: `0x${"ab".repeat(20)}`,
  data: "0x1234",
  gasLimit: 100_000,
  value: 0n,
  maxFeePerGas: 20n,
  maxPriorityFeePerGas: 1n,
};

const outcomeOf = async (url: string): Promise<string> => {
  try {
    return await new RemoteSigner(url, wallet.address).signTransaction(asked);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return `${error.kind} ${error.code}`;
  }
};

test("a wallet whose key only the signer has ends an auction", async () => {
  const url = engine.chain.anvil.rpcUrl;
  expect(await walletsOfSigner(url)).toContain(engine.signer.address);
  const sender = await engine.sender({ signer: new RemoteSigner(url, engine.signer.address) });
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  await engine.rounds(sender, () => engine.isSettled(key));
  const [transaction] = await engine.transactions();
  expect(Transaction.from(String(transaction?.["raw_transaction"])).from).toBe(
    engine.signer.address,
  );
  expect(Number((await engine.chain.state(auctionId))["state"])).toBe(2);
});

test("what is asked for has everything but the chain, which the signer knows", async () => {
  let seen: unknown;
  const url = await signerThat(async ({ params }) => {
    [seen] = params;
    return { result: await wallet.signTransaction({ ...asked }) };
  });
  expect(Transaction.from(await outcomeOf(url))).toMatchObject({ nonce: 7, from: wallet.address });
  expect(seen).toEqual({
    from: wallet.address,
    to: asked.to,
    data: "0x1234",
    gas: "0x186a0",
    nonce: "0x7",
    value: "0x0",
    maxFeePerGas: "0x14",
    maxPriorityFeePerGas: "0x1",
  });
});

test.each<[string, Partial<UnsignedTransaction>]>([
  ["another chain", { chainId: 1 }],
  ["another nonce", { nonce: 8 }],
  ["another receiver", { to: `0x${"cd".repeat(20)}` }],
  ["another call", { data: "0x" }],
  ["money with it", { value: 1n }],
  ["a higher price", { maxFeePerGas: 21n }],
  ["a higher tip", { maxPriorityFeePerGas: 2n }],
  ["more gas", { gasLimit: 100_001 }],
])("a signature over %s is refused", async (_what, change) => {
  const url = await signerThat(async () => ({
    result: await wallet.signTransaction({ ...asked, ...change }),
  }));
  expect(await outcomeOf(url)).toBe("refuse signer_refused");
});

test("a signature of another wallet is refused", async () => {
  const url = await signerThat(async () => ({
    result: await Wallet.createRandom().signTransaction({ ...asked }),
  }));
  expect(await outcomeOf(url)).toBe("refuse signer_refused");
});

test.each([
  ["an error", { error: { code: -32_000, message: "no key" } }, "refuse signer_refused"],
  [
    "an error of its own",
    { error: { code: -32_603, message: "vault" } },
    "retry signer_unavailable",
  ],
  ["no transaction", { result: "0x1234" }, "refuse signer_refused"],
  ["an object, as some nodes do", { result: { raw: "0x" } }, "refuse signer_refused"],
  ["no JSON", "<html>", "retry signer_unavailable"],
  ["neither result nor error", {}, "retry signer_unavailable"],
])("%s is no signature", async (_what, answer, outcome) => {
  expect(await outcomeOf(await signerThat(() => answer))).toBe(outcome);
});

test("a signature that is none is refused like any other", async () => {
  // No point of the curve has this x.
  const signature = { r: `0x${"0".repeat(63)}5`, s: `0x${"0".repeat(63)}1`, yParity: 0 as const };
  const result = Transaction.from({ ...asked, signature }).serialized;
  expect(await outcomeOf(await signerThat(() => ({ result })))).toBe("refuse signer_refused");
});

test("a proxy that has lost the signer is no refusal", async () => {
  const server = createServer((_request, response) =>
    response.writeHead(503).end('{"error":{"code":-32000,"message":"no upstream"}}'),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await outcomeOf(`http://127.0.0.1:${port}`)).toBe("retry signer_unavailable");
});

test("a signer that is away is asked again", async () => {
  expect(await outcomeOf("http://127.0.0.1:1")).toBe("retry signer_unavailable");
});
