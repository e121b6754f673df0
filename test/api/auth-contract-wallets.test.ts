// Wallets that are contracts, on a real chain: asked by EIP-1271, and believed only when they say yes as the standard has it.
import { AbiCoder, concat, getCreate2Address, id, keccak256, Wallet } from "ethers";
import { startServer } from "../../dev/sandbox/http.ts";
import { type ChainReader, createChainReader } from "../../src/chain/reader.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { AuctionChain, readArtifact } from "../contracts/harness.ts";
import { createTestWorld, type Person, type TestApi, type TestWorld } from "../support/api.ts";

let chain: AuctionChain;
let world: TestWorld;
let api: TestApi;

beforeAll(async () => {
  [chain, world] = await Promise.all([AuctionChain.start(), createTestWorld()]);
  api = await world.start({ reader: readerAt(chain.anvil.rpcUrl) });
});
afterAll(async () => {
  await world.close();
  await chain.stop();
});

interface Limited {
  readonly gas?: string;
}

function readerAt(rpcUrl: string): ChainReader {
  return createChainReader({
    rpc: new JsonRpc({ endpoints: [rpcUrl], timeoutMs: 180_000 }),
    chainId: 31_337,
    auctionContract: chain.auction.toLowerCase(),
    passContract: chain.pass.toLowerCase(),
  });
}

async function deploy(name: string, type: string, value: unknown): Promise<string> {
  const data = concat([
    readArtifact(`test/${name}`).bytecode,
    AbiCoder.defaultAbiCoder().encode([type], [value]),
  ]);
  const { contractAddress } = await chain.transact(chain.person(0), null, data);
  if (contractAddress === null) throw new Error("nothing was deployed");
  return contractAddress;
}

/** Asks for a challenge for the wallet, answers it as `sign` says, and returns how that ended. */
async function bind(
  person: Person,
  address: string,
  sign: (message: string) => Promise<string>,
): Promise<string> {
  const asked = await api.request("/api/auth/wallet-challenge", {
    token: person.token,
    json: { address },
  });
  expect(asked.status).toBe(201);
  const bound = await api.request("/api/auth/wallets", {
    token: person.token,
    json: { challengeId: asked.body.challengeId, signature: await sign(asked.body.message) },
  });
  // What a node's trouble was must not be guessed.
  const why = bound.status === 503 ? `: ${bound.body.detail}` : "";
  return `${bound.status} ${bound.body.code ?? ""}${why}`.trim();
}

test("a contract wallet is bound by its owner's signature, and by nobody else's", async () => {
  const [person, stranger] = [await api.person(), await api.person()];
  const owner = Wallet.createRandom();
  const wallet = await deploy("OwnedWallet", "address", owner.address);
  expect(await bind(person, wallet, (text) => stranger.wallet.signMessage(text))).toBe(
    "403 signature_invalid",
  );
  expect(await bind(person, wallet, async () => "0x00")).toBe("403 signature_invalid");
  // Over another text than the challenge.
  expect(await bind(person, wallet, () => owner.signMessage("something else"))).toBe(
    "403 signature_invalid",
  );
  // The owner's own address is not the wallet's.
  expect(await bind(person, owner.address, async () => `0x${"11".repeat(65)}`)).toBe(
    "403 signature_invalid",
  );
  expect(await bind(person, wallet, (text) => owner.signMessage(text))).toBe("200");
  const { body } = await api.request("/api/auth/verify", { token: person.token });
  expect(body.user.wallets.map((one: string) => one.toLowerCase())).toContain(wallet.toLowerCase());
  // It has an owner now, whatever its owner signs for others.
  expect(await bind(stranger, wallet, (text) => owner.signMessage(text))).toBe("409 wallet_taken");
});

describe("a contract wallet that is not deployed yet (EIP-6492)", () => {
  /** The usual factory for CREATE2, which anvil has from the start: salt, then code. */
  const FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
  const SUFFIX = `0x${"6492".repeat(16)}`;
  const abi = AbiCoder.defaultAbiCoder();

  /** Where the wallet would be, and its owner's signature wrapped with what would deploy it. */
  function counterfactual(name = "OwnedWallet", type = "address", value?: unknown) {
    const owner = Wallet.createRandom();
    const salt = id(owner.address);
    const args = abi.encode([type], [value ?? owner.address]);
    const code = concat([readArtifact(`test/${name}`).bytecode, args]);
    const wrap = (signature: string, deployment = concat([salt, code])): string =>
      concat([abi.encode(["address", "bytes", "bytes"], [FACTORY, deployment, signature]), SUFFIX]);
    return { owner, address: getCreate2Address(FACTORY, salt, keccak256(code)), wrap, code };
  }

  test("is bound by its owner's signature, and nothing is deployed by that", async () => {
    const person = await api.person();
    const { owner, address, wrap } = counterfactual();
    const signed = async (text: string): Promise<string> => wrap(await owner.signMessage(text));
    expect(await bind(person, address, signed)).toBe("200");
    expect(await chain.provider.getCode(address)).toBe("0x");
  });

  test("is not bound by anybody else's, by another deployment, or by what is wrapped badly", async () => {
    const person = await api.person();
    const { owner, address, wrap } = counterfactual();
    const other = counterfactual();
    const stranger = Wallet.createRandom();
    const ways: ((text: string) => Promise<string>)[] = [
      async (text) => wrap(await stranger.signMessage(text)),
      // Deploys another wallet than the one that is asked for.
      async (text) => wrap(await owner.signMessage(text), concat([id("other"), other.code])),
      async (text) => wrap(await owner.signMessage(text), "0x"),
      // Without the wrapping there is nobody to ask.
      (text) => owner.signMessage(text),
      async () => SUFFIX,
      async (text) => concat([await owner.signMessage(text), SUFFIX]),
    ];
    for (const way of ways) expect(await bind(person, address, way)).toBe("403 signature_invalid");
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("an odd one (%i) has signed nothing", async (way) => {
    const { address, wrap } = counterfactual("OddWallet", "uint256", way);
    const bound = bind(await api.person(), address, async () => wrap("0xc0ffee"));
    expect(await bound).toBe("403 signature_invalid");
  });

  test("once it is deployed the same signature is good, and its wrapping is not run again", async () => {
    const { owner, address, wrap, code } = counterfactual();
    await chain.transact(chain.person(0), FACTORY, concat([id(owner.address), code]));
    const signed = async (text: string): Promise<string> => wrap(await owner.signMessage(text));
    expect(await bind(await api.person(), address, signed)).toBe("200");
  });
});

// The numbers are the ways of contracts/test/Wallets.sol.
test.each([
  [1, "gives back its call data, whose first bytes are the magic value"],
  [2, "answers with the magic value alone, which is no word"],
  [3, "answers with the magic value at the wrong end"],
  [4, "answers true"],
  [5, "reverts"],
  [6, "reverts with the right answer"],
  [7, "burns all gas"],
  [8, "answers with a megabyte that begins like a yes"],
  [9, "runs into an invalid instruction"],
  [10, "answers nothing"],
])("a contract (%i) that %s has signed nothing", async (way) => {
  const person = await api.person();
  const wallet = await deploy("OddWallet", "uint256", way);
  expect(await bind(person, wallet, async () => "0xc0ffee")).toBe("403 signature_invalid");
  // The node is none the worse for it, and neither is the way to it.
  expect((await api.deps.reader.head()).number).toBeGreaterThan(0);
  expect(await bind(person, await deploy("OddWallet", "uint256", 0), async () => "0x00")).toBe(
    "200",
  );
});

test("the gas a wallet may burn is ours to say: the node is asked with a limit", async () => {
  const limits: (string | undefined)[] = [];
  const node = await startServer(0, () => [
    {
      method: "POST",
      path: "/",
      handle: async ({ text }) => {
        const { method, params } = JSON.parse(text) as { method: string; params: [Limited] };
        if (method === "eth_call") limits.push(params[0].gas);
        const answer = await fetch(chain.anvil.rpcUrl, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: text,
        });
        return { status: answer.status, body: await answer.json() };
      },
    },
  ]);
  try {
    const wallet = await deploy("OddWallet", "uint256", 7);
    const hash = `0x${"00".repeat(32)}`;
    expect(await readerAt(node.url).isContractSignatureValid(wallet, hash, "0x00")).toBe(false);
    expect(limits.map(Number)).toEqual([5_000_000]);
  } finally {
    await node.stop();
  }
});

test("while the node is away the answer is 503, and the challenge stays good", async () => {
  const person = await api.person();
  const owner = Wallet.createRandom();
  const wallet = await deploy("OwnedWallet", "address", owner.address);
  const { body } = await api.request("/api/auth/wallet-challenge", {
    token: person.token,
    json: { address: wallet },
  });
  const answer = (on: TestApi) => async () =>
    on.request("/api/auth/wallets", {
      token: person.token,
      json: {
        challengeId: body.challengeId,
        signature: await owner.signMessage(body.message),
      },
    });
  const away = await world.start({
    reader: readerAt("http://127.0.0.1:1"),
  });
  const refused = await answer(away)();
  expect([refused.status, refused.body.code, refused.headers.get("retry-after")]).toEqual([
    503,
    "rpc_unavailable",
    "5",
  ]);
  expect((await answer(api)()).status).toBe(200);
});
