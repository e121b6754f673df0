import { existingAuctions } from "../../db/reads.ts";
import { messageOf } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import { deploymentOf } from "../deployment.ts";
import { AuctionId } from "../schema.ts";
import { closeSocket } from "./closing.ts";
import { type Acknowledgement, type ApiSocket, auctionRoom, AUCTIONS_PER_SOCKET } from "./types.ts";

const refusal = (code: string, detail: string): Acknowledgement => ({ ok: false, code, detail });

/** Joining and leaving every auction there is room for, a few times over. */
const REQUESTS_PER_WINDOW = 500;
const WINDOW_MS = 10_000;

/** Requests ask the database, and even what is no request is parsed: somebody who sends without end is let go. */
function limitRequests(socket: ApiSocket): void {
  let windowStartedAtMs = Date.now();
  let requests = 0;
  socket.use((_event, next) => {
    if (Date.now() - windowStartedAtMs >= WINDOW_MS) {
      windowStartedAtMs = Date.now();
      requests = 0;
    }
    requests += 1;
    if (requests <= REQUESTS_PER_WINDOW) next();
    // What is sent after the last word is not answered any more.
    else if (requests === REQUESTS_PER_WINDOW + 1) closeSocket(socket, "too_many_requests");
  });
}

/** Lets a socket follow auctions and stop following them. Auctions are public; that one exists is all there is to check. */
export function followAuctions(socket: ApiSocket, deps: ApiDeps, position: () => number): void {
  limitRequests(socket);
  // One after the other: what was asked last holds, and nobody gets past a limit by asking for much at once. The first waits until
  // the socket has been brought up to date: before that its rooms are not settled.
  let turn = socket.data.live;
  const requests: Readonly<Record<string, (auctionId: string) => Promise<Acknowledgement>>> = {
    async "join-auction"(auctionId) {
      const room = auctionRoom(auctionId);
      const followed = [...socket.rooms].filter((one) => one.startsWith("auction:"));
      if (!followed.includes(room) && followed.length >= AUCTIONS_PER_SOCKET)
        return refusal(
          "too_many_auctions",
          `one socket follows ${AUCTIONS_PER_SOCKET} auctions at most; leave some first`,
        );
      if ((await existingAuctions(deps.db, deploymentOf(deps), [auctionId])).length === 0)
        return refusal(
          "auction_not_found",
          "there is no auction with that id (or it is not confirmed yet)",
        );
      if (!socket.connected) return refusal("disconnected", "the socket is gone");
      void socket.join(room);
      return { ok: true, auctionId, seq: position() };
    },
    async "leave-auction"(auctionId) {
      void socket.leave(auctionRoom(auctionId));
      return { ok: true, auctionId, seq: position() };
    },
  };

  async function respond(event: string, values: readonly unknown[]): Promise<Acknowledgement> {
    const request = Object.hasOwn(requests, event) ? requests[event] : undefined;
    const known = Object.keys(requests).join(" and ");
    if (request === undefined)
      return refusal("event_unknown", `a client may send ${known}, and nothing else`);
    if (values.length > 1) return refusal("arguments_invalid", `${event} takes one auction id`);
    const id = AuctionId.safeParse(values[0]);
    if (!id.success) return refusal("auction_id_invalid", "give the decimal auction id as text");
    return request(id.data);
  }

  // Whatever asks for an acknowledgement gets one, also what no client should send. Not by `onAny`, which hears what limitRequests
  // has let go.
  socket.use(([event, ...sent]: readonly [event: string, ...sent: unknown[]]) => {
    const acknowledge = sent.findLast((one) => typeof one === "function");
    const values = sent.filter((one) => typeof one !== "function");
    turn = turn
      .then(() => respond(event, values))
      .catch((error: unknown) => {
        deps.logger.warn("a socket's request failed", { reason: messageOf(error) });
        return refusal("unavailable", "try again soon");
      })
      .then((acknowledgement) => {
        if (typeof acknowledge === "function") acknowledge(acknowledgement);
      });
  });
}
