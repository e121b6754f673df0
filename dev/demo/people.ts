import {
  Contract,
  type ContractTransactionReceipt,
  id as keccakOfText,
  type JsonRpcProvider,
  NonceManager,
  parseEther,
  Wallet,
} from "ethers";
import { io, type Socket } from "socket.io-client";
import auctionAbi from "../../contracts/artifacts/MeetingAuction.abi.json" with { type: "json" };
import { anvilAccounts } from "../chain/anvil.ts";
import type { StackUrls } from "../stack/parts.ts";

/** One message as it came over the socket. */
export interface Envelope {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly data: Record<string, unknown>;
}

/** An answer of the API: the status and the parsed body, whatever they are. */
export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- the story reads bodies that OpenAPI describes
  readonly body: any;
}

/** Everything the demo's people need to act. */
export interface World {
  readonly urls: StackUrls;
  readonly provider: JsonRpcProvider;
  readonly auctionAddress: string;
  readonly passAddress: string;
}

export const EVENT_TYPES = [
  "auction-created",
  "bid-placed",
  "auction-extended",
  "auction-ended",
  "auction-cancelled",
  "auction-reverted",
  "meeting-created",
  "meeting-reminder",
  "meeting-opened",
  "meeting-extended",
  "meeting-closed",
  "notification",
  "resync-required",
];

/** Somebody with a name, a wallet of their own, an account (through Para) and a socket. */
export class Person {
  readonly name: string;
  readonly address: string;
  readonly received: Envelope[] = [];
  readonly #world: World;
  readonly #wallet: Wallet;
  readonly #signer: NonceManager;
  #token = "";
  #socket: Socket | undefined;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    // The same person has the same wallet in every run, as their account remembers it.
    this.#wallet = new Wallet(keccakOfText(`meeting auction demo: ${name}`), world.provider);
    this.#signer = new NonceManager(this.#wallet);
    this.address = this.#wallet.address;
  }

  get privateKey(): string {
    return this.#wallet.privateKey;
  }

  /** Logs in as a frontend does: a Para session with the person's wallet in it, imported by the API. */
  async logIn(): Promise<void> {
    const user = await json(`${this.#world.urls.para}/__sandbox/users`, {
      email: `${this.name.toLowerCase()}@example.org`,
      privateKey: this.#wallet.privateKey,
    });
    const answer = await this.api("POST", "/api/auth/para-session", { session: user.body.session });
    if (answer.status !== 200)
      throw new Error(
        `${this.name} could not log in: ${answer.status} ${JSON.stringify(answer.body)}`,
      );
    this.#token = answer.body.token;
  }

  /** Opens a socket and keeps every message. */
  async listen(eventTypes: readonly string[]): Promise<void> {
    const socket = io(this.#world.urls.api, {
      auth: { token: this.#token },
      transports: ["websocket"],
      forceNew: true,
    });
    this.#socket = socket;
    for (const type of eventTypes)
      socket.on(type, (envelope: Envelope) => this.received.push(envelope));
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
  }

  async follow(auctionId: string): Promise<void> {
    await this.#socket?.timeout(60_000).emitWithAck("join-auction", auctionId);
  }

  hangUp(): void {
    this.#socket?.close();
  }

  async api(method: string, path: string, body?: object): Promise<Answer> {
    return request(
      method,
      `${this.#world.urls.api}${path}`,
      body,
      this.#token === "" ? {} : { authorization: `Bearer ${this.#token}` },
    );
  }

  /** The auction contract as this person calls it. */
  get contract(): Contract {
    return new Contract(this.#world.auctionAddress, auctionAbi, this.#signer);
  }

  /** Sends a call of the contract and waits for its block. */
  async send(
    method: string,
    args: readonly unknown[],
    valueEther?: string,
  ): Promise<ContractTransactionReceipt> {
    const call = this.contract.getFunction(method);
    const response = await call(...args, {
      ...(valueEther === undefined ? {} : { value: parseEther(valueEther) }),
      gasLimit: 500_000,
    });
    const receipt: ContractTransactionReceipt | null = await response.wait();
    if (receipt === null) throw new Error(`${method} of ${this.name} has no receipt`);
    return receipt;
  }

  async sign(message: string): Promise<string> {
    return this.#wallet.signMessage(message);
  }

  /** Enters a meeting as a frontend does: challenge, signature, access; then the room itself. */
  async enter(meetingId: string): Promise<{
    readonly access: Answer;
    readonly joined?: Answer;
    readonly room?: string;
    readonly occupantId?: string;
  }> {
    const challenge = await this.api("POST", `/api/meetings/${meetingId}/challenge`);
    if (challenge.status >= 300) return { access: challenge };
    const access = await this.api("POST", `/api/meetings/access/${meetingId}`, {
      challenge: challenge.body.challenge,
      signature: await this.sign(challenge.body.message),
    });
    if (access.status !== 200) return { access };
    const room = new URL(access.body.roomUrl).pathname.split("/").at(-1) ?? "";
    const joined = await json(`${this.#world.urls.jitsi}/__sandbox/join`, {
      room,
      token: access.body.token,
      name: this.name,
    });
    return { access, joined, room, occupantId: joined.body.occupantId };
  }
}

/** Gives everyone enough ether for the story from one of the chain's funded accounts. */
export async function fund(world: World, people: readonly Person[]): Promise<void> {
  const rich = anvilAccounts(10).at(9);
  if (rich === undefined) throw new Error("the local chain has no tenth account");
  const bank = new NonceManager(new Wallet(rich.privateKey, world.provider));
  const transfers = [];
  for (const person of people) {
    if ((await world.provider.getBalance(person.address)) > parseEther("50")) continue;
    transfers.push(await bank.sendTransaction({ to: person.address, value: parseEther("100") }));
  }
  await Promise.all(transfers.map((one) => one.wait()));
}

async function json(url: string, body: object): Promise<Answer> {
  return request("POST", url, body, {});
}

async function request(
  method: string,
  url: string,
  body: object | undefined,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}
