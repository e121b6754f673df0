import type { Server, Socket } from "socket.io";
import type { EventEnvelope } from "../events/envelope.ts";

/** What join-auction and leave-auction are answered. */
export type Acknowledgement =
  | {
      readonly ok: true;
      readonly auctionId: string;
      /** Events of the auction with a greater seq will come. */ readonly seq: number;
    }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface ClientEvents {
  "join-auction": (auctionId: unknown, acknowledge?: unknown) => void;
  "leave-auction": (auctionId: unknown, acknowledge?: unknown) => void;
}

/** Every event is an envelope but `closing`, which says why the connection ends (closing.ts). */
export type ServerEvents = Record<
  string,
  (event: EventEnvelope | { readonly code: string; readonly detail: string }) => void
>;

export interface SocketData {
  userId: string;
  epoch: number;
  expiresAt: Date;
  lastSeq: number | undefined;
  /** Auctions the client wants to be in from the start. */
  auctions: readonly string[];
  /** Resolves when the socket has been told what it missed and is in its rooms. */
  live: Promise<void>;
}

export type ApiServer = Server<ClientEvents, ServerEvents, Record<string, never>, SocketData>;
export type ApiSocket = Socket<ClientEvents, ServerEvents, Record<string, never>, SocketData>;

/** The room of the wallet that a `wallet-bound` event tells of. */
export function walletRoom({ data }: { readonly data: object }): string {
  return `wallet:${String((data as { address?: unknown }).address)}`;
}

export const auctionRoom = (auctionId: string): string => `auction:${auctionId}`;

/** How many auctions one socket may follow at once. */
export const AUCTIONS_PER_SOCKET = 50;

/** How many missed events are replayed; a client that missed more reads the state anew. */
export const REPLAY_LIMIT = 1_000;
