import { z } from "zod";
import { AppError, refused } from "../../errors.ts";
import { sessionOf } from "../auth/policy.ts";
import type { ApiDeps } from "../context.ts";
import { callerAddress, callerNetwork } from "../limits/addresses.ts";
import type { Session } from "../route.ts";
import { AuctionId } from "../schema.ts";
import { Connections } from "./connections.ts";
import { type ApiSocket, AUCTIONS_PER_SOCKET } from "./types.ts";

const Auth = z.object({
  token: z.string().max(4_096),
  lastSeq: z.int().min(0).nullish(),
  auctions: z.array(AuctionId).max(AUCTIONS_PER_SOCKET).nullish(),
});

/**
 * Lets a socket in by its token, if its user has not too many at this node already. It takes from the same quotas as a request:
 * the user's `read`, or the address's `refused` for a token that opens nothing. A refusal reaches the client as `connect_error`
 * with `data: {code, detail}`, in the words of the HTTP API.
 */
export function admit(deps: ApiDeps) {
  const { config, limits, logger } = deps;
  const connections = new Connections(config.SOCKETS_PER_USER);
  const sessionFor = async (token: string, caller: string): Promise<Session> => {
    try {
      return await sessionOf(token, deps);
    } catch (error) {
      if (error instanceof AppError && error.status === 401) await limits.take("refused", caller);
      throw error;
    }
  };
  return async (socket: ApiSocket, next: (error?: Error) => void): Promise<void> => {
    const { conn } = socket;
    if (!connections.take(conn)) {
      // What socket.io does with a handshake that comes after the first was answered.
      conn.close();
      next(new Error("one connection has one socket"));
      return;
    }
    try {
      const auth = Auth.safeParse(socket.handshake.auth);
      // What a page sends before anybody has logged in, or in another place than this.
      if ((socket.handshake.auth["token"] ?? undefined) === undefined)
        throw refused("token_missing", "send an access token: auth: {token}", 401);
      if (!auth.success)
        throw refused(
          "handshake_invalid",
          `send auth: {token, lastSeq?, auctions?}, and ${AUCTIONS_PER_SOCKET} auctions at most`,
          401,
        );
      const caller = callerNetwork(callerAddress(socket.request, config.TRUSTED_PROXIES));
      const session = await sessionFor(auth.data.token, caller);
      await limits.take("read", session.id);
      if (!connections.add(session.id, conn))
        throw refused(
          "too_many_sockets",
          `one user has ${config.SOCKETS_PER_USER} sockets at most; close some first`,
          429,
        );
      socket.data.userId = session.id;
      socket.data.epoch = session.sessionEpoch;
      socket.data.expiresAt = session.expiresAt;
      socket.data.lastSeq = auth.data.lastSeq ?? undefined;
      socket.data.auctions = [...new Set(auth.data.auctions ?? [])];
      socket.once("disconnect", () => connections.release(conn));
      next();
    } catch (error) {
      connections.release(conn);
      const known = error instanceof AppError ? error : undefined;
      if (known === undefined) logger.warn("a socket could not be admitted", { error });
      const refusal = Object.assign(
        new Error(known?.message ?? "the service cannot check the token now; try again soon"),
        {
          data: { code: known?.code ?? "unavailable", detail: known?.message ?? "try again soon" },
        },
      );
      next(refusal);
    }
  };
}
