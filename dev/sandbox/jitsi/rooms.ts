import { randomUUID } from "node:crypto";
import type { EventSync } from "./event-sync.ts";
import type { TokenUser } from "./prosody-token.ts";
import type { Reservation } from "./reservations.ts";

export interface Occupant {
  readonly occupantId: string;
  readonly user: TokenUser;
  readonly joinedAtS: number;
}

interface Room {
  readonly name: string;
  readonly createdAtS: number;
  readonly reservation: Reservation | undefined;
  readonly occupants: Map<string, Occupant>;
  readonly past: object[];
}

/** The MUC component: rooms, who is in them, and the events that tell of it. */
export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #events: EventSync;
  readonly #xmppDomain: string;
  readonly #onDestroyed: (reservation: Reservation | undefined) => void;

  constructor(options: {
    readonly events: EventSync;
    readonly xmppDomain: string;
    readonly onDestroyed: (reservation: Reservation | undefined) => void;
  }) {
    this.#events = options.events;
    this.#xmppDomain = options.xmppDomain;
    this.#onDestroyed = options.onDestroyed;
  }

  has(name: string): boolean {
    return this.#rooms.has(name);
  }

  create(name: string, reservation: Reservation | undefined): void {
    const room = {
      name,
      createdAtS: nowS(),
      reservation,
      occupants: new Map<string, Occupant>(),
      past: [],
    };
    this.#rooms.set(name, room);
    this.#events.send({
      event_name: "muc-room-created",
      ...this.#names(name),
      created_at: room.createdAtS,
    });
  }

  /** The new occupant, or undefined when the room is full or gone. */
  join(name: string, user: TokenUser): Occupant | undefined {
    const room = this.#rooms.get(name);
    if (room === undefined || room.occupants.size >= (room.reservation?.maxOccupants ?? Infinity))
      return undefined;
    const occupant = {
      occupantId: `${randomUUID()}@${this.#xmppDomain}/${randomUUID().slice(0, 8)}`,
      user,
      joinedAtS: nowS(),
    };
    room.occupants.set(occupant.occupantId, occupant);
    this.#events.send({
      event_name: "muc-occupant-joined",
      ...this.#names(name),
      active_occupants_count: room.occupants.size,
      occupant: describe(occupant),
    });
    return occupant;
  }

  /** False when there is no such occupant. The last one to leave takes the room along. */
  leave(name: string, occupantId: string): boolean {
    const room = this.#rooms.get(name);
    const occupant = room?.occupants.get(occupantId);
    if (room === undefined || occupant === undefined) return false;
    this.#remove(room, occupant);
    if (room.occupants.size === 0) this.destroy(name);
    return true;
  }

  /** Sends out the occupant of that name in the room: the start of an anonymous user's id. */
  kick(name: string, participantId: string): boolean {
    const occupants = [...(this.#rooms.get(name)?.occupants.keys() ?? [])];
    const found = occupants.find((one) => one.slice(0, 8) === participantId);
    return found !== undefined && this.leave(name, found);
  }

  /** Sends everyone out and removes the room; false when there is none. */
  destroy(name: string): boolean {
    const room = this.#rooms.get(name);
    if (room === undefined) return false;
    this.#rooms.delete(name);
    for (const occupant of room.occupants.values()) this.#remove(room, occupant);
    this.#events.send({
      event_name: "muc-room-destroyed",
      ...this.#names(name),
      created_at: room.createdAtS,
      destroyed_at: nowS(),
      all_occupants: room.past,
    });
    this.#onDestroyed(room.reservation);
    return true;
  }

  /** Rooms whose reserved time is over ("Scheduled conference duration exceeded."). */
  destroyExpired(): void {
    // A Map may lose entries while it is walked.
    for (const room of this.#rooms.values()) {
      if ((room.reservation?.endsAtMs ?? Infinity) <= Date.now()) this.destroy(room.name);
    }
  }

  list(): object[] {
    return [...this.#rooms.values()].map((room) => ({
      room: room.name,
      reservationId: room.reservation?.id,
      occupants: [...room.occupants.values()].map(({ occupantId, user }) => ({
        occupantId,
        userId: user.id,
        name: user.name,
        affiliation: user.affiliation,
      })),
    }));
  }

  #remove(room: Room, occupant: Occupant): void {
    room.occupants.delete(occupant.occupantId);
    const left = { ...describe(occupant), left_at: nowS() };
    room.past.push(left);
    this.#events.send({
      event_name: "muc-occupant-left",
      ...this.#names(room.name),
      active_occupants_count: room.occupants.size,
      occupant: left,
    });
  }

  #names(name: string): object {
    return {
      room_name: name,
      room_jid: `${name}@conference.${this.#xmppDomain}`,
      is_breakout: false,
    };
  }
}

function describe(occupant: Occupant): object {
  const { id, name, email } = occupant.user;
  return { id, name, email, occupant_jid: occupant.occupantId, joined_at: occupant.joinedAtS };
}

function nowS(): number {
  return Math.floor(Date.now() / 1000);
}
