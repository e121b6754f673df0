import type { LitNodeClient } from "@lit-protocol/lit-node-client";
import { AppError } from "../errors.ts";
import type { AccessGateOptions } from "./types.ts";

/** The two fragments of Lit's staking contract that the client calls. */
const STAKING_ABI = [
  {
    type: "event",
    name: "StateChanged",
    anonymous: false,
    inputs: [{ indexed: false, name: "newState", type: "uint8" }],
  },
  {
    type: "function",
    name: "getActiveUnkickedValidatorStructsAndCounts",
    stateMutability: "view",
    inputs: [],
    outputs: [
      {
        name: "",
        type: "tuple",
        components: uints("epochLength", "number", "endTime", "retries", "timeout"),
      },
      { name: "", type: "uint256" },
      {
        name: "",
        type: "tuple[]",
        components: [
          { name: "ip", type: "uint32" },
          { name: "ipv6", type: "uint128" },
          { name: "port", type: "uint32" },
          { name: "nodeAddress", type: "address" },
          ...uints("reward", "senderPubKey", "receiverPubKey"),
        ],
      },
    ],
  },
];

/** A connection gets a third of a call's time, so that a second one and the action can still follow. */
export function connectTimeoutMs(options: Pick<AccessGateOptions, "timeoutMs">): number {
  return Math.ceil(options.timeoutMs / 3);
}

/**
 * A LitNodeClient for the configured network, not yet connected. The SDK is loaded here, on first use: importing it takes
 * about a second, which every process that never asks Lit would pay at its start.
 * @throws AppError `lit_configuration` when the custom network lacks its addresses.
 */
export async function createNodeClient(options: AccessGateOptions): Promise<LitNodeClient> {
  const { network } = options;
  if (network === "chipotle")
    throw misconfigured("chipotle is not reached through the node client");
  const ofCustomNetwork = network === "custom" ? customNetwork(options) : {};
  const { LitNodeClient } = await import("@lit-protocol/lit-node-client");
  const client = new LitNodeClient({
    litNetwork: network,
    debug: false,
    connectTimeout: connectTimeoutMs(options),
    ...(options.rpcUrl === undefined ? {} : { rpcUrl: options.rpcUrl }),
    ...ofCustomNetwork,
  });
  // There is no option for it; without it the client asks Lit's indexer, then public Ethereum nodes for minutes.
  if (options.blockhashUrl !== undefined)
    Object.assign(client, { _blockHashUrl: options.blockhashUrl });
  return client;
}

/**
 * Disconnects for good. The SDK leaves a timer of ethers v5's event polling behind, or one that is
 * about to start it; either would hold up the end of the process for 4 s.
 */
export async function disconnectNodeClient(client: LitNodeClient): Promise<void> {
  await client.disconnect();
  const contract: unknown = Reflect.get(client, "_stakingContract");
  const provider: unknown = isObject(contract) ? Reflect.get(contract, "provider") : undefined;
  if (!isObject(provider)) return;
  const timer: unknown = Reflect.get(provider, "_bootstrapPoll");
  if (isObject(timer) && "unref" in timer && typeof timer.unref === "function") timer.unref();
  Reflect.set(provider, "pollingInterval", 1);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function customNetwork(options: AccessGateOptions): object {
  const { rpcUrl, stakingAddress } = options;
  if (rpcUrl === undefined || stakingAddress === undefined)
    throw misconfigured(
      "the custom Lit network needs an RPC URL and the address of its staking contract",
    );
  return {
    checkNodeAttestation: false,
    contractContext: { Staking: { address: stakingAddress, abi: STAKING_ABI } },
    // Nodes on this machine have no certificate.
    ...(["127.0.0.1", "localhost", "[::1]"].includes(new URL(rpcUrl).hostname)
      ? { nodeProtocol: "http://" }
      : {}),
  };
}

function uints(...names: string[]): { name: string; type: string }[] {
  return names.map((name) => ({ name, type: "uint256" }));
}

function misconfigured(message: string): AppError {
  return new AppError({ kind: "refuse", code: "lit_configuration", message, status: 500 });
}
