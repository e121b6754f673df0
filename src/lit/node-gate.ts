import type { LitNodeClient } from "@lit-protocol/lit-node-client";
import { Wallet } from "ethers";
import { z } from "zod";
import { AppError, unavailable } from "../errors.ts";
import { withQuietConsole } from "../outside/quiet-console.ts";
import { checkAnswer, denied } from "./answer.ts";
import { checkClaim } from "./claim.ts";
import { connectTimeoutMs, createNodeClient, disconnectNodeClient } from "./node-client.ts";
import { litProof } from "./proof.ts";
import { openSession } from "./session-sigs.ts";
import type { Session } from "./session-sigs.ts";
import type { AccessClaim, AccessGate, AccessGateOptions, LitProof } from "./types.ts";

/** No signature means no, in either of the two shapes the SDK answers in. */
const executed = z.looseObject({
  signatures: z.looseObject({ access: litProof.optional() }).nullish(),
  success: z.boolean().optional(),
});

interface Input {
  readonly claim: AccessClaim;
  readonly userSignature: string;
}

/** A client and the session it was given; both are replaced together when either stops working. */
interface Connection {
  readonly client: LitNodeClient;
  session: Promise<Session> | undefined;
}

/** The gate over Lit's v7 nodes (datil networks, or a custom one). */
export function createNodeGate(options: AccessGateOptions): AccessGate {
  const wallet =
    options.serverPrivateKey === undefined
      ? new Wallet(Wallet.createRandom().privateKey)
      : new Wallet(options.serverPrivateKey);
  let connection: Connection | undefined;
  let connecting: Promise<Connection> | undefined;
  let closed = false;

  /**
   * Drops a connection that failed: the next call makes a new one. Whoever fails later on the same old one drops
   * nothing, so that many requests at once do not pull each other's fresh connection away. The old client must go
   * first, for disconnecting resets what all clients of a process share.
   */
  async function drop(failed: Connection | undefined): Promise<void> {
    if (failed === undefined || connection !== failed) return;
    connection = undefined;
    await disconnectNodeClient(failed.client);
  }

  async function reconnect(): Promise<Connection> {
    await drop(connection);
    const client = await createNodeClient(options);
    const made: Connection = { client, session: undefined };
    // After an epoch change the client can be left without nodes; it says so here and throws elsewhere.
    client.on("error", () => undefined);
    client.on("disconnected", () => (made.session = undefined));
    const connect = client.connect();
    try {
      // The SDK gives up by itself, but for ethers, which waits for minutes when the RPC says 429: whoever comes next
      // must not wait for that client.
      await within(2 * connectTimeoutMs(options), connect);
      if (closed) throw new Error("the gate was closed");
    } catch (error) {
      await disconnectNodeClient(client);
      // One that was given up goes on trying, and then listens for epochs.
      void connect.catch(() => undefined).then(() => disconnectNodeClient(client));
      throw error;
    }
    connection = made;
    return made;
  }

  function connected(): Promise<Connection> {
    if (connection?.client.ready === true) return Promise.resolve(connection);
    connecting ??= reconnect().finally(() => (connecting = undefined));
    return connecting;
  }

  /** The session of the connection; a new one well before its end. Requests at once share one. */
  async function sessionOf(on: Connection): Promise<Session> {
    const known = on.session;
    const current = await known;
    if (current !== undefined && current.renewAtMs > Date.now()) return current;
    if (on.session !== known) return sessionOf(on);
    const opened = openSession(on.client, wallet, "localhost", options.capacityDelegationAuthSig);
    on.session = opened;
    opened.catch(() => {
      if (on.session === opened) on.session = undefined;
    });
    return opened;
  }

  async function execute(on: Connection, input: Input): Promise<LitProof | undefined> {
    const { sigs } = await sessionOf(on);
    const result: unknown = await on.client.executeJs({
      ipfsId: options.actionCid,
      jsParams: {
        accessClaim: { ...input.claim },
        userSignature: input.userSignature,
        publicKey: options.pkpPublicKey,
      },
      sessionSigs: sigs,
    });
    return executed.parse(result).signatures?.access;
  }

  async function prove(input: Input): Promise<LitProof> {
    const claim = checkClaim(input.claim);
    const proof = await guard(options.timeoutMs, async () => {
      let used: Connection | undefined;
      try {
        used = await connected();
        return await execute(used, { ...input, claim });
      } catch (error) {
        if (closed || error instanceof AppError) throw error;
        // A node that restarted, an epoch that changed, a session the nodes no longer know: a fresh connection heals all of them.
        await drop(used);
        return execute(await connected(), { ...input, claim });
      }
    });
    if (proof === undefined) throw denied();
    checkAnswer(claim, proof, options.pkpPublicKey);
    return proof;
  }

  return {
    get ready() {
      return connection?.client.ready === true;
    },
    connect: () => guard(options.timeoutMs, async () => void (await connected())),
    prove,
    close: async () => {
      closed = true;
      await connecting?.catch(() => undefined);
      await drop(connection);
    },
  };
}

/**
 * Runs a call of the SDK quietly, within the time limit. What the SDK throws (plain objects among
 * it) can hold session signatures, so that none of it is passed on.
 */
async function guard<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await within(timeoutMs, withQuietConsole(work));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unavailable(
      "lit_unavailable",
      "Lit's nodes could not be reached or could not run the access check. Try again.",
    );
  } finally {
    forgetSdkLogs();
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(
          unavailable("lit_unavailable", `Lit did not answer within ${timeoutMs} ms. Try again.`),
        ),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The SDK keeps a log of every request, with its parameters, for the life of the process. */
function forgetSdkLogs(): void {
  const manager: unknown = Reflect.get(globalThis, "logManager");
  if (typeof manager !== "object" || manager === null) return;
  const loggers: unknown = Reflect.get(manager, "_loggers");
  if (loggers instanceof Map) loggers.clear();
}
