// Meetings whose passes are on a real chain, and the API that lets people in.
import { createChainReader } from "../../src/chain/reader.ts";
import { createOrm } from "../../src/db/migrate.ts";
import { createRoomName } from "../../src/jitsi/index.ts";
import { Engine } from "../chain/support.ts";
import { createTestWorld, FakeGate, type Person, type TestApi, type TestWorld } from "./api.ts";

export interface SoldMeeting {
  readonly auctionId: bigint;
  readonly meetingId: string;
  readonly host: Person;
  readonly winner: Person;
}

/** An API over the database of an indexer that follows a chain of its own. */
export class DoorOnChain {
  readonly engine: Engine;
  readonly world: TestWorld;
  readonly api: TestApi;

  private constructor(engine: Engine, world: TestWorld, api: TestApi) {
    this.engine = engine;
    this.world = world;
    this.api = api;
  }

  static async start(): Promise<DoorOnChain> {
    const [engine, world] = await Promise.all([Engine.start(), createTestWorld()]);
    const api = await world.start({
      db: engine.db,
      orm: createOrm(engine.databaseUrl),
      reader: createChainReader({
        rpc: engine.rpc,
        chainId: engine.chainId,
        auctionContract: engine.contract,
        passContract: engine.chain.pass.toLowerCase(),
      }),
      gate: new FakeGate(),
    });
    await engine.chain.provider.send("anvil_autoImpersonateAccount", [true]);
    return new DoorOnChain(engine, world, api);
  }

  async stop(): Promise<void> {
    await this.world.close();
    await this.api.deps.orm.close(true);
    await this.engine.stop();
  }

  /** Somebody with money. */
  async person(): Promise<Person> {
    const one = await this.api.person();
    await this.engine.chain.provider.send("anvil_setBalance", [
      one.wallet.address,
      "0x56bc75e2d63100000",
    ]);
    return one;
  }

  /** A sold auction, its pass not minted yet, with its meeting open. */
  async sold(): Promise<SoldMeeting> {
    const { chain, db, chainId, contract } = this.engine;
    const [host, winner] = [await this.person(), await this.person()];
    const auctionId = await chain.create({ transferable: true });
    await chain.bid(auctionId, winner.wallet.address, 5_000n);
    await chain.end(auctionId);
    await this.engine.index();
    const [row] = await db.query<{ id: string }>(
      `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, state, starts_at, ends_at, latest_ends_at)
       VALUES ($1, $2, $3, $4, $5, $6, 'open', now() - interval '1 minute', now() + interval '1 hour', now() + interval '2 hours') RETURNING id`,
      [
        chainId,
        contract,
        auctionId,
        host.wallet.address.toLowerCase(),
        winner.wallet.address.toLowerCase(),
        createRoomName(),
      ],
    );
    if (row === undefined) throw new Error("no meeting was written");
    return { auctionId, meetingId: row.id, host, winner };
  }

  async mint(auctionId: bigint): Promise<void> {
    const { chain } = this.engine;
    await chain.send(chain.operator, "mintPasses", [[auctionId]]);
  }

  async transfer(auctionId: bigint, from: Person, to: Person): Promise<void> {
    const [seller, buyer] = [from.wallet.address, to.wallet.address];
    await this.engine.chain.sendPass(seller, "transferFrom", [seller, buyer, auctionId]);
  }

  /** How many sessions of a pass owner are live, and the room of the meeting. */
  async doorOf(meetingId: string): Promise<{ live: number; room: string }> {
    const [row] = await this.engine.db.query<{ live: number; room: string }>(
      `SELECT room_name AS room, (SELECT count(*)::int FROM meeting_sessions s WHERE s.meeting_id = m.id AND s.role = 'winner' AND s.ended_at IS NULL) AS live
       FROM meetings m WHERE id = $1`,
      [meetingId],
    );
    if (row === undefined) throw new Error("there is no such meeting");
    return row;
  }
}
