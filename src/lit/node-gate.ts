import type { LitNodeClient } from "@lit-protocol/lit-node-client";
import { Wallet } from "ethers";
import { z } from "zod";
import { AppError, refused, unavailable } from "../errors.ts";
import { withQuietConsole } from "../outside/quiet-console.ts";
import { checkClaim } from "./claim.ts";
import { createNodeClient, disconnectNodeClient } from "./node-client.ts";
import { litProof, verifyProof } from "./proof.ts";
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

/** The gate over Lit's v7 nodes (datil networks, or a custom one). */
export function createNodeGate(options: AccessGateOptions): AccessGate {
  const wallet =
    options.serverPrivateKey === undefined
      ? new Wallet(Wallet.createRandom().privateKey)
      : new Wallet(options.serverPrivateKey);
  let connection: { readonly client: LitNodeClient; session: Session | undefined } | undefined;
  let connecting: Promise<void> | undefined;
  let closed = false;

  /** Drops the connection: the next call makes a new one. The old client must go first, for disconnecting resets what all clients of a process share. */
  async function drop(): Promise<void> {
    const old = connection?.client;
    connection = undefined;
    if (old !== undefined) await disconnectNodeClient(old);
  }

  async function reconnect(): Promise<void> {
    await drop();
    const client = createNodeClient(options);
    // After an epoch change the client can be left without nodes; it says so here and throws elsewhere.
    client.on("error", () => undefined);
    client.on("disconnected", () => {
      if (connection?.client === client) connection.session = undefined;
    });
    try {
      await client.connect();
    } catch (error) {
      await disconnectNodeClient(client);
      throw error;
    }
    if (closed) await disconnectNodeClient(client);
    else connection = { client, session: undefined };
  }

  function ensureConnected(): Promise<void> {
    if (connection?.client.ready === true) return Promise.resolve();
    connecting ??= reconnect().finally(() => (connecting = undefined));
    return connecting;
  }

  async function execute(input: Input): Promise<LitProof | undefined> {
    await ensureConnected();
    const current = connection;
    if (current === undefined) throw new Error("the gate was closed");
    if (current.session === undefined || current.session.renewAtMs <= Date.now()) {
      current.session = await openSession(
        current.client,
        wallet,
        "localhost",
        options.capacityDelegationAuthSig,
      );
    }
    const result: unknown = await current.client.executeJs({
      ipfsId: options.actionCid,
      jsParams: {
        accessClaim: { ...input.claim },
        userSignature: input.userSignature,
        publicKey: options.pkpPublicKey,
      },
      sessionSigs: current.session.sigs,
    });
    return executed.parse(result).signatures?.access;
  }

  async function prove(input: Input): Promise<LitProof> {
    const claim = checkClaim(input.claim);
    const proof = await guard(options.timeoutMs, async () => {
      try {
        return await execute({ ...input, claim });
      } catch (error) {
        if (closed || error instanceof AppError) throw error;
        // A node that restarted, an epoch that changed, a session the nodes no longer know: a fresh connection heals all of them.
        await drop();
        return execute({ ...input, claim });
      }
    });
    if (proof === undefined)
      throw refused(
        "lit_denied",
        "Lit's access check said no: the wallet that signed the challenge does not own this meeting's pass, or the challenge is not the one that was issued.",
        403,
      );
    checkAnswer(claim, proof, options.pkpPublicKey);
    return proof;
  }

  return {
    get ready() {
      return connection?.client.ready === true;
    },
    connect: () => guard(options.timeoutMs, ensureConnected),
    prove,
    close: async () => {
      closed = true;
      await connecting?.catch(() => undefined);
      await drop();
    },
  };
}

/** A wrong signature from the nodes is their failure (or another PKP in our settings), not the guest's. */
function checkAnswer(claim: AccessClaim, proof: LitProof, pkpPublicKey: string): void {
  try {
    verifyProof({ claim, proof, pkpPublicKey });
  } catch (error) {
    if (error instanceof AppError)
      throw unavailable(
        "lit_unavailable",
        `Lit answered with a proof that does not hold (${error.code}). Check the PKP's public key in the settings.`,
        error,
      );
    throw error;
  }
}

/**
 * Runs a call of the SDK quietly, within the time limit. What the SDK throws (plain objects among
 * it) can hold session signatures, so that none of it is passed on.
 */
async function guard<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
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
    return await Promise.race([withQuietConsole(work), late]);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unavailable(
      "lit_unavailable",
      "Lit's nodes could not be reached or could not run the access check. Try again.",
    );
  } finally {
    clearTimeout(timer);
    forgetSdkLogs();
  }
}

/** The SDK keeps a log of every request, with its parameters, for the life of the process. */
function forgetSdkLogs(): void {
  const manager: unknown = Reflect.get(globalThis, "logManager");
  if (typeof manager !== "object" || manager === null) return;
  const loggers: unknown = Reflect.get(manager, "_loggers");
  if (loggers instanceof Map) loggers.clear();
}
