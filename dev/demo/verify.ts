import { Contract, type EventLog, formatEther, JsonRpcProvider } from "ethers";
import pg from "pg";
import auctionAbi from "../../contracts/artifacts/MeetingAuction.abi.json" with { type: "json" };
import passAbi from "../../contracts/artifacts/MeetingPass.abi.json" with { type: "json" };
import { KnownEvent } from "../../src/api/events/envelope.ts";
import type { Person, World } from "./people.ts";
import type { Told } from "./story.ts";

export interface Check {
  readonly where: "chain" | "Postgres" | "socket" | "people";
  readonly what: string;
  readonly ok: boolean;
  readonly seen: string;
}

const ZERO = `0x${"0".repeat(40)}`;
const STATE_NAMES = ["none", "active", "ended", "cancelled", "closed"];
const OUTCOME_NAMES = ["none", "held", "host absent", "winner absent", "released"];
const STATE = { ended: 2, cancelled: 3, closed: 4 };

/** Reads the chain, the database and what the sockets received, and says what is as it should be. Trusts no answer of the API. */
export async function verify(world: World, databaseUrl: string, told: Told): Promise<Check[]> {
  const db = new pg.Client(databaseUrl);
  await db.connect();
  try {
    return [
      ...(await onChain(world, told)),
      ...(await inPostgres(db, told)),
      ...overSocket(told),
      ...told.observations.map((one): Check => ({ where: "people", ...one })),
    ];
  } finally {
    await db.end();
  }
}

async function onChain(world: World, told: Told): Promise<Check[]> {
  const checks: Check[] = [];
  const check = (what: string, ok: boolean, seen: unknown): void =>
    void checks.push({ where: "chain", what, ok, seen: String(seen) });
  const auction = new Contract(world.auctionAddress, auctionAbi, world.provider);
  const pass = new Contract(world.passAddress, passAbi, world.provider);
  const logsOf = async (
    contract: Contract,
    name: string,
    ...args: unknown[]
  ): Promise<EventLog[]> =>
    (await contract.queryFilter(contract.getEvent(name)(...args), 0)) as EventLog[];
  const { lots, people } = told;

  for (const [name, lot] of Object.entries(lots)) {
    const id = BigInt(lot.auctionId);
    const state = await auction.getFunction("auctionState")(id);
    const wanted =
      name === "quiet" ? STATE.ended : name === "cancelled" ? STATE.cancelled : STATE.closed;
    check(
      `auction ${id} (${lot.scene}) is ${wanted === STATE.closed ? "closed" : wanted === STATE.ended ? "ended" : "cancelled"}`,
      Number(state.state) === wanted,
      STATE_NAMES[Number(state.state)] ?? `state ${state.state}`,
    );
    const ends = await logsOf(auction, "AuctionEnded", id);
    if (name === "cancelled") {
      check(`auction ${id} was never ended`, ends.length === 0, `${ends.length} ends`);
      continue;
    }
    check(`auction ${id} ended exactly once`, ends.length === 1, `${ends.length} ends`);
    const block = ends[0] === undefined ? null : await world.provider.getBlock(ends[0].blockNumber);
    const before = block === null ? null : await world.provider.getBlock(block.number - 1);
    const end = Number(state.endTime);
    check(
      `auction ${id} ended in the first block that allowed it`,
      (before?.timestamp ?? end) < end && (block?.timestamp ?? 0) >= end,
      `end ${end}, blocks at ${before?.timestamp} and ${block?.timestamp}`,
    );
    const mints = await logsOf(pass, "Transfer", ZERO, null, id);
    const burns = await logsOf(pass, "Transfer", null, ZERO, id);
    if (name === "quiet") {
      check(`no pass was minted for auction ${id}`, mints.length === 0, `${mints.length} mints`);
      continue;
    }
    const winner = { war: people.carol, absent: people.dave, held: people.dave }[name] as Person;
    check(
      `pass ${id} was minted once, to ${winner.name}`,
      mints.length === 1 && mints[0]?.args["to"] === winner.address,
      mints.map((one) => one.args["to"]).join(),
    );
    check(`pass ${id} was burned once`, burns.length === 1, `${burns.length} burns`);
    const [settled] = await logsOf(auction, "MeetingSettled", id);
    const outcome = { war: 3n, absent: 2n, held: 1n }[name];
    check(
      `meeting ${id} was settled as ${{ war: "winner absent", absent: "host absent", held: "held" }[name]}`,
      settled?.args["outcome"] === outcome,
      OUTCOME_NAMES[Number(settled?.args["outcome"])] ?? "not settled",
    );
    const paid =
      name === "absent"
        ? settled?.args["refundWei"]
        : settled === undefined
          ? 0n
          : settled.args["hostWei"] + settled.args["feeWei"];
    check(
      `the whole bid of auction ${id} went ${name === "absent" ? "back to the winner" : "to host and fee"}`,
      paid === state.highBidWei && paid > 0n,
      `${formatEther(paid)} of ${formatEther(state.highBidWei)} ETH`,
    );
  }
  const extended = await auction.getFunction("auctionState")(BigInt(lots.war.auctionId));
  check(
    "the last-second bid extended the bidding war",
    extended.endTime > extended.originalEndTime,
    `${extended.originalEndTime} → ${extended.endTime}`,
  );
  for (const person of [people.ada, people.dave]) {
    const withdrawals = await logsOf(auction, "Withdrawn", person.address);
    check(
      `${person.name} has withdrawn the money and nothing is left`,
      withdrawals.length > 0 && (await auction.getFunction("credits")(person.address)) === 0n,
      `${formatEther(withdrawals.at(-1)?.args["amountWei"] ?? 0n)} ETH`,
    );
  }
  return checks;
}

/** Counted rows as people say them: "1 cancelled, 3 closed". */
function inWords(seen: unknown): string {
  const rows = (Array.isArray(seen) ? seen : [seen]) as Record<string, string | number>[];
  return rows.map(({ n, ...rest }) => [n ?? [], Object.values(rest)].flat().join(" ")).join(", ");
}

async function inPostgres(db: pg.Client, told: Told): Promise<Check[]> {
  const checks: Check[] = [];
  const check = (what: string, ok: boolean, seen: unknown): void =>
    void checks.push({
      where: "Postgres",
      what,
      ok,
      seen: typeof seen === "string" ? seen : inWords(seen),
    });
  const rows = async (
    sql: string,
    parameters: unknown[] = [],
  ): Promise<Record<string, unknown>[]> => (await db.query(sql, parameters)).rows;
  const ids = Object.values(told.lots).map((lot) => lot.auctionId);
  const meetings = Object.values(told.meetings);

  const phases = await rows(
    "SELECT phase, count(*)::int AS n FROM auctions WHERE auction_id = ANY($1) GROUP BY phase ORDER BY phase",
    [ids],
  );
  check(
    "the projection says: 1 cancelled, 3 closed, 1 unsold",
    JSON.stringify(phases) ===
      '[{"phase":"cancelled","n":1},{"phase":"closed","n":3},{"phase":"unsold","n":1}]',
    phases,
  );
  const operations = await rows(
    "SELECT kind, count(*)::int AS n FROM chain_operations WHERE auction_id = ANY($1) AND settled AND state IN ('mined', 'final') GROUP BY kind ORDER BY kind",
    [ids],
  );
  check(
    "4 ends, 3 mints and 3 settlements were done, each once",
    JSON.stringify(operations) ===
      '[{"kind":"end","n":4},{"kind":"mint","n":3},{"kind":"settle","n":3}]',
    operations,
  );
  const [unfinished] = await rows(
    "SELECT count(*)::int AS n FROM chain_operations WHERE auction_id = ANY($1) AND NOT settled",
    [ids],
  );
  check("no operation is left over", unfinished?.["n"] === 0, unfinished);
  const [outbox] = await rows("SELECT count(*)::int AS n FROM outbox WHERE delivered_at IS NULL");
  check("every message to a workflow was delivered", outbox?.["n"] === 0, outbox);
  const events = await rows(
    `SELECT seq::int, id, type, occurred_at AS "occurredAt", data FROM events WHERE data->>'auctionId' = ANY($1) OR data->'data'->>'auctionId' = ANY($1)`,
    [ids],
  );
  const odd = events.filter(
    ({ occurredAt, ...rest }) =>
      !KnownEvent.safeParse({ ...rest, occurredAt: (occurredAt as Date).toISOString() }).success,
  );
  check(
    "every event is as docs/events.md describes it",
    odd.length === 0 && events.length > 0,
    odd.length === 0 ? `${events.length} events` : JSON.stringify(odd[0]),
  );
  const closed = await rows(
    "SELECT state, outcome FROM meetings WHERE id = ANY($1) ORDER BY outcome",
    [meetings],
  );
  check(
    "all three meetings are closed, one of each outcome",
    JSON.stringify(closed) ===
      '[{"state":"closed","outcome":1},{"state":"closed","outcome":2},{"state":"closed","outcome":3}]',
    closed,
  );
  const [spent] = await rows(
    "SELECT count(*)::int AS n FROM lit_gate_passes WHERE meeting_id = ANY($1) AND spent_at IS NOT NULL AND proof IS NOT NULL",
    [meetings],
  );
  check(
    "each winner's entry spent a challenge with a Lit proof",
    (spent?.["n"] as number) >= 2,
    spent,
  );
  const grants = await rows(
    "SELECT DISTINCT meeting_id, role FROM meeting_access_logs WHERE meeting_id = ANY($1) AND granted",
    [meetings],
  );
  check("the access log holds the four grants", grants.length === 4, `${grants.length} grants`);
  const notified = await rows(
    `SELECT type, count(*)::int AS n FROM notifications WHERE data->>'auctionId' = ANY($1) AND type IN ('auction-won', 'auction-sold', 'auction-unsold', 'auction-cancelled', 'meeting-paid', 'meeting-refunded')
     GROUP BY type ORDER BY type`,
    [ids],
  );
  const expected = [
    { type: "auction-cancelled", n: 1 },
    { type: "auction-sold", n: 3 },
    { type: "auction-unsold", n: 1 },
    { type: "auction-won", n: 3 },
    { type: "meeting-paid", n: 4 },
    { type: "meeting-refunded", n: 2 },
  ];
  check(
    "everyone was notified of everything, once",
    JSON.stringify(notified) === JSON.stringify(expected),
    notified,
  );
  const [persisted] = await rows(
    "SELECT count(*)::int AS n FROM chain_transactions WHERE broadcast_at IS NOT NULL AND broadcast_at < created_at",
  );
  check("no transaction was sent before it was stored", persisted?.["n"] === 0, persisted);
  return checks;
}

function overSocket(told: Told): Check[] {
  const checks: Check[] = [];
  const check = (what: string, ok: boolean, seen: unknown): void =>
    void checks.push({ where: "socket", what, ok, seen: String(seen) });
  for (const person of Object.values(told.people)) {
    const seqs = person.received.map((one) => one.seq);
    check(
      `${person.name} received every event once and in order`,
      seqs.length > 0 &&
        seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] as number)),
      `${seqs.length} events`,
    );
  }
  const saw = (person: Person, type: string, lot: { readonly auctionId: string }): boolean =>
    person.received.some((one) => one.type === type && one.data["auctionId"] === lot.auctionId);
  const { people, lots } = told;
  check(
    "Bob saw the extension and the end of the bidding war",
    saw(people.bob, "auction-extended", lots.war) && saw(people.bob, "auction-ended", lots.war),
    "both",
  );
  check(
    "Grace saw her auction cancelled",
    saw(people.grace, "auction-cancelled", lots.cancelled),
    "yes",
  );
  check(
    "Dave saw his meeting created, opened, extended and closed",
    ["meeting-created", "meeting-opened", "meeting-extended", "meeting-closed"].every((type) =>
      saw(people.dave, type, lots.held),
    ),
    "all",
  );
  check(
    "Mallory saw nothing of other people's meetings",
    !people.mallory.received.some((one) => one.type.startsWith("meeting-")),
    "nothing",
  );
  return checks;
}

/** The table at the end. */
export function table(checks: readonly Check[], columns = 120): string {
  const width = Math.max(...checks.map((one) => one.what.length));
  return checks
    .flatMap(({ ok, where, what, seen }) => {
      const head = `  ${ok ? "✓" : "✗"} ${where.padEnd(9)} `;
      const found = ok ? seen : `found: ${seen}`;
      const line = `${head}${what.padEnd(width)}  ${found}`;
      return line.length <= columns
        ? [line]
        : [head + what, `${" ".repeat(head.length + 2)}${found}`];
    })
    .join("\n");
}

/** The provider of the demo: no caching, so that every look is a look. */
export function createProvider(rpcUrl: string, chainId: number): JsonRpcProvider {
  return new JsonRpcProvider(rpcUrl, chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 250,
  });
}
