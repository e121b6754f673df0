import { Interface } from "ethers";
import { z } from "zod";
import type { SandboxAnswer } from "../http.ts";

const STAKING = new Interface([
  "function getActiveUnkickedValidatorStructsAndCounts() view returns (tuple(uint256 epochLength, uint256 number, uint256 endTime, uint256 retries, uint256 timeout), uint256, tuple(uint32 ip, uint128 ipv6, uint32 port, address nodeAddress, uint256 reward, uint256 senderPubKey, uint256 receiverPubKey)[])",
]);

const LOOPBACK = 0x7f_00_00_01;
const CHAIN_ID = "0xaa289"; // 696969, as Lit's own development chain

const rpcRequest = z.object({
  id: z.unknown(),
  method: z.string(),
  params: z.array(z.unknown()).default([]),
});

export interface StakingStub {
  readonly stakingAddress: string;
  readonly nodePort: number;
  readonly epoch: number;
  /** How many nodes a signature needs; there is one. */
  readonly threshold: number;
}

/** The few JSON-RPC calls that LitNodeClient makes to the chain of Lit's staking contract: one node, one epoch. */
export function answerRpc(stub: StakingStub, text: string): SandboxAnswer {
  const request: unknown = JSON.parse(text);
  return {
    status: 200,
    body: Array.isArray(request)
      ? request.map((one) => answerOne(stub, one))
      : answerOne(stub, request),
  };
}

function answerOne(stub: StakingStub, request: unknown): object {
  const { id, method, params } = rpcRequest.parse(request);
  try {
    return { jsonrpc: "2.0", id, result: call(stub, method, params) };
  } catch (error) {
    return {
      jsonrpc: "2.0",
      id,
      error: { code: -32_601, message: error instanceof Error ? error.message : String(error) },
    };
  }
}

function call(stub: StakingStub, method: string, params: readonly unknown[]): unknown {
  switch (method) {
    case "eth_chainId":
      return CHAIN_ID;
    case "net_version":
      return String(Number(CHAIN_ID));
    case "eth_blockNumber":
      return "0x1";
    case "eth_getLogs":
      return [];
    case "eth_call": {
      const { to, data } = z.object({ to: z.string(), data: z.string() }).parse(params[0]);
      if (to.toLowerCase() !== stub.stakingAddress.toLowerCase())
        throw new Error("no contract at this address");
      const name = "getActiveUnkickedValidatorStructsAndCounts";
      if (!data.startsWith(STAKING.getFunction(name)?.selector ?? "none"))
        throw new Error("no such function");
      // The epoch began long ago: a client waits for the nodes after a fresh one.
      const endTimeS = Math.floor(Date.now() / 1000);
      const epoch = [3600, stub.epoch, endTimeS, 0, 60];
      return STAKING.encodeFunctionResult(name, [
        epoch,
        stub.threshold,
        [[LOOPBACK, 0, stub.nodePort, stub.stakingAddress, 0, 1, 2]],
      ]);
    }
    default:
      throw new Error(`the sandbox has no ${method}`);
  }
}
