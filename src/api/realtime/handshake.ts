import { z } from "zod";
import { AppError, refused } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { sessionOf } from "../auth/policy.ts";
import type { ApiDeps } from "../context.ts";
import { AuctionId } from "../schema.ts";
import { type ApiSocket, AUCTIONS_PER_SOCKET } from "./types.ts";

const Auth = z.object({
  token: z.string().max(4_096),
  lastSeq: z.int().min(0).nullish(),
  auctions: z.array(AuctionId).max(AUCTIONS_PER_SOCKET).nullish(),
});

/**
 * Lets a socket in by its token. A refusal reaches the client as `connect_error` with `data: {code, detail}`, in the
 * words of the HTTP API.
 */
export function admit(deps: ApiDeps, logger: Logger) {
  return async (socket: ApiSocket, next: (error?: Error) => void): Promise<void> => {
    try {
      const auth = Auth.safeParse(socket.handshake.auth);
      if (!auth.success)
        throw refused("handshake_invalid", "send auth: {token, lastSeq?, auctions?}", 401);
      const session = await sessionOf(auth.data.token, deps);
      socket.data.userId = session.id;
      socket.data.epoch = session.sessionEpoch;
      socket.data.expiresAt = session.expiresAt;
      socket.data.lastSeq = auth.data.lastSeq ?? undefined;
      socket.data.auctions = [...new Set(auth.data.auctions ?? [])];
      next();
    } catch (error) {
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
