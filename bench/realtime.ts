// What a socket of the product costs over one of bare socket.io, and how soon a bid is with those who watch it.
import { readFileSync } from "node:fs";
import { recordEvents } from "../src/db/events.ts";
import { gather } from "../test/realtime/crowd.ts";
import { type LeanSocket, leanSocket } from "../test/realtime/lean-socket.ts";
import { placeBid, storm, verdict } from "../test/realtime/storm.ts";
import { Prng } from "../test/simulation/prng.ts";
import {
  atLeast,
  atMost,
  type Bench,
  type BenchContext,
  type Figure,
  median,
  quantile,
  sleep,
} from "./bench.ts";
import type { Broadcast } from "./parts/bare-sockets.ts";
import { type Place, SOCKETS, startPlace } from "./parts/crowd.ts";
import { startFloor } from "./parts/floor.ts";

const ROUNDS = 15;
const EVENTS_PER_ROUND = 50;
const BIDS_PER_S = 5;
const BIDS_S = 20;
/** Clock ticks of the kernel in a second, as /proc counts processor time. */
const TICKS_PER_S = 100;

const randomOf = (seed: number): (() => number) => {
  const prng = new Prng(seed);
  return () => prng.next() / 2 ** 32;
};

/** Processor time of a process so far, seconds. */
function cpuS(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Sockets that count what they are sent. */
class Audience {
  got = 0;
  ready = 0;
  readonly #sockets: LeanSocket[] = [];

  async gather(port: number, auths: readonly object[]): Promise<void> {
    const AT_ONCE = 100;
    for (let from = 0; from < auths.length; from += AT_ONCE) {
      for (const auth of auths.slice(from, from + AT_ONCE))
        this.#sockets.push(
          leanSocket({
            port,
            auth,
            onEvent: (json) => {
              if (json.startsWith('["bid-placed"')) this.got += 1;
              else if (json.startsWith('["ready"')) this.ready += 1;
              else throw new Error(`unexpected: ${json}`);
            },
          }),
        );
      while (this.ready < this.#sockets.length) await sleep(10);
    }
  }

  /** Waits until so many have come since `before`. */
  async have(count: number): Promise<void> {
    while (this.got < count) await sleep(2);
  }

  async leave(): Promise<void> {
    for (const socket of this.#sockets) socket.kill();
    await Promise.all(this.#sockets.map((one) => one.closed));
  }
}

interface Round {
  readonly perS: number;
  readonly cpuMsPer1000: number;
}

async function measure(audience: Audience, pid: number, send: () => Promise<void>): Promise<Round> {
  const deliveries = EVENTS_PER_ROUND * SOCKETS;
  const [before, cpuBefore, startedAt] = [audience.got, cpuS(pid), performance.now()];
  await send();
  await audience.have(before + deliveries);
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    perS: deliveries / seconds,
    cpuMsPer1000: ((cpuS(pid) - cpuBefore) * 1_000) / (deliveries / 1_000),
  };
}

async function throughput(context: BenchContext, place: Place): Promise<Figure[]> {
  const [node] = place.nodes;
  if (node === undefined) throw new Error("there is no node");
  const bare = await startFloor(context, "bare-sockets.ts");
  const [ours, theirs] = [new Audience(), new Audience()];
  context.note(`${SOCKETS} sockets at the product and as many at bare socket.io`);
  await ours.gather(
    node.port,
    place.members.map(({ token }) => ({ token, auctions: [place.auctionId] })),
  );
  await theirs.gather(
    bare.port,
    place.members.map(() => ({})),
  );
  const bid = {
    type: "bid-placed",
    audience: [`auction:${place.auctionId}`, "wallet:0x1"],
    data: {
      auctionId: place.auctionId,
      transactionHash: `0x${"ab".repeat(32)}`,
      blockNumber: 1_000,
      bidder: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
      amountWei: String(10n ** 18n),
      endsAt: new Date().toISOString(),
    },
  };
  const { type, data } = bid;
  const broadcast: Broadcast = {
    type,
    count: EVENTS_PER_ROUND,
    envelope: {
      seq: 0,
      id: "01a15d8c-f0a5-7f3a-9d57-0d6a3f5c1c11",
      type,
      occurredAt: new Date().toISOString(),
      data,
    },
  };
  const events = Array.from({ length: EVENTS_PER_ROUND }, () => bid);
  const rounds: { ours: Round; bare: Round }[] = [];
  context.note(`${ROUNDS} rounds of ${EVENTS_PER_ROUND} events to all of them, in turn`);
  for (let round = 0; round <= ROUNDS; round += 1) {
    const floor = await measure(theirs, bare.child.pid ?? 0, async () => {
      bare.child.send(broadcast);
    });
    // Through the table: the commit, the wake-up and the reading are part of it.
    const mine = await measure(ours, node.pid, () =>
      place.db.transaction((tx) => recordEvents(tx, events)),
    );
    // The first warms up both.
    if (round > 0) rounds.push({ ours: mine, bare: floor });
  }
  await ours.leave();
  await theirs.leave();
  const ratio = median(rounds.map((one) => one.ours.perS / one.bare.perS));
  return [
    { name: "deliveries, product", value: median(rounds.map((one) => one.ours.perS)), unit: "/s" },
    {
      name: "deliveries, bare socket.io",
      value: median(rounds.map((one) => one.bare.perS)),
      unit: "/s",
    },
    { name: "deliveries ÷ bare", value: ratio, unit: "×", target: atLeast(ratio, 0.8) },
    {
      name: "processor time per 1,000 deliveries, product",
      value: median(rounds.map((one) => one.ours.cpuMsPer1000)),
      unit: "ms",
    },
    {
      name: "processor time per 1,000 deliveries, bare",
      value: median(rounds.map((one) => one.bare.cpuMsPer1000)),
      unit: "ms",
    },
  ];
}

async function delays(context: BenchContext, place: Place): Promise<Figure[]> {
  context.note(`${BIDS_PER_S} bids a second for ${BIDS_S} s, ${SOCKETS} sockets in the room`);
  const ports = place.nodes.map((one) => one.port);
  const clients = await gather(place.members, {
    ports,
    auctionId: place.auctionId,
    random: randomOf(1),
  });
  for (let n = 0; n < BIDS_PER_S * BIDS_S; n += 1) {
    await placeBid(place.db, place.auctionId, [], n);
    await sleep(1_000 / BIDS_PER_S);
  }
  while (clients.some((one) => one.seen.length < BIDS_PER_S * BIDS_S)) await sleep(20);
  const delaysMs = clients.flatMap((one) => one.delaysMs);
  for (const client of clients) await client.close();
  const p99 = quantile(delaysMs, 0.99);
  return [
    { name: "bid → client, p50", value: quantile(delaysMs, 0.5), unit: "ms" },
    { name: "bid → client, p99", value: p99, unit: "ms", target: atMost(p99, 250) },
  ];
}

const speed: Bench = {
  name: "realtime",
  what: `deliveries to ${SOCKETS} sockets against bare socket.io; from the commit of a bid to its watchers`,
  async run(context) {
    const place = await startPlace(context, 1);
    return [...(await throughput(context, place)), ...(await delays(context, place))];
  },
};

const inStorm: Bench = {
  name: "realtime-storm",
  what: `${SOCKETS} sockets at two nodes, cut at random; one node killed, the other restarted`,
  async run(context) {
    const seed = Math.floor(Math.random() * 2 ** 32);
    context.note(`seed ${seed}`);
    const random = randomOf(seed);
    const place = await startPlace(context, 2);
    const [first, second] = place.nodes;
    if (first === undefined || second === undefined) throw new Error("there are no two nodes");
    const ports = [first.port, second.port];
    const { auctionId, db } = place;
    const clients = await gather(place.members, { ports, auctionId, random });
    context.note(`${BIDS_PER_S} bids a second; SIGKILL for one node, SIGTERM for the other`);
    const options = { db, clients, auctionId, random, bidsPerS: BIDS_PER_S, cutsPerS: 0.02 };
    const troubles = (async () => {
      await sleep(5_000);
      await first.kill();
      await first.start();
      await sleep(5_000);
      await second.stop();
      await second.start();
      await sleep(5_000);
    })();
    const bids = await storm(options, troubles);
    await troubles;
    const result = await verdict(options);
    for (const client of clients) await client.close();
    const none = (name: string, value: number): Figure => ({
      name,
      value,
      unit: "events",
      target: atMost(value, 0, true),
    });
    return [
      { name: "bids", value: bids, unit: "bids" },
      { name: "connections", value: result.connections, unit: "connections" },
      { name: "deliveries", value: result.deliveries, unit: "events" },
      none("missed", result.missed),
      none("delivered twice", result.doubled),
      none("out of order", result.outOfOrder),
      none("delivered to somebody they are not for", result.notTheirs),
    ];
  },
};

export const realtime: readonly Bench[] = [speed, inStorm];
