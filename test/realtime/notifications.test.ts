// What was told to a wallet before anybody bound it, and the calendar file of a meeting.
import { randomBytes } from "node:crypto";
import { deliverKept, notifyWallet } from "../../src/db/notifications.ts";
import { bindWallets } from "../../src/db/people.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";
import { connect, until } from "./support.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

const newWallet = (): string => `0x${randomBytes(20).toString("hex")}`;

const notify = (wallet: string, cause: string): Promise<void> =>
  world.db.transaction((tx) =>
    notifyWallet(tx, wallet, { cause, type: "auction-won", title: cause, body: "", data: {} }),
  );

const inbox = async (token: string) =>
  (await api.request("/api/notifications", { token })).body as {
    unreadCount: number;
    data: { title: string; createdAt: string }[];
  };

test("what is for a wallet that nobody has bound comes to whoever binds it, once, in its place and live", async () => {
  const [person, other] = [await api.person(), await api.person()];
  const wallet = newWallet();
  // Told twice, as a repeated activity does.
  for (const cause of ["first", "second", "first"]) await notify(wallet, cause);
  expect(await inbox(person.token)).toMatchObject({ unreadCount: 0, data: [] });
  const { got } = await connect(api, { token: person.token }, ["notification"]);
  await notify(person.wallet.address.toLowerCase(), "own");
  await world.db.transaction((tx) => bindWallets(tx, person.account.id, [wallet], "challenge"));
  await notify(wallet, "second");
  await notify(wallet, "third");
  await until(() => got.length === 4);
  const { data, unreadCount } = await inbox(person.token);
  expect(data.map((one) => one.title)).toEqual(["third", "own", "second", "first"]);
  expect(unreadCount).toBe(4);
  const times = data.map((one) => one.createdAt);
  expect(times).toEqual(times.toSorted().toReversed());
  expect((await inbox(other.token)).data).toEqual([]);
  expect(await world.db.query("SELECT FROM kept_notifications")).toEqual([]);
});

test("one that was kept in the moment in which its wallet was bound is brought by the next sweep", async () => {
  const person = await api.person();
  await world.db.query(
    "INSERT INTO kept_notifications (wallet, cause, type, title, body) VALUES ($1, 'late', 't', 'late', '')",
    [person.wallet.address.toLowerCase()],
  );
  expect(await world.db.transaction(deliverKept)).toBe(1);
  expect(await world.db.transaction(deliverKept)).toBe(0);
  expect((await inbox(person.token)).data.map((one) => one.title)).toEqual(["late"]);
});

/** The lines of a calendar file, unfolded (RFC 5545 §3.1), as a calendar reads it. */
function read(text: string): Map<string, string> {
  expect(text.endsWith("\r\n")).toBe(true);
  const lines = text.slice(0, -2).split("\r\n");
  for (const line of lines) {
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
    expect(line).not.toMatch(/[\r\n]/);
  }
  return new Map(
    lines
      .join("\r\n")
      .replaceAll("\r\n ", "")
      .split("\r\n")
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

test("both sides of a meeting get it as a calendar file, whatever its title; nobody else does, and the room is not in it", async () => {
  const [host, guest, other] = [await api.person(), await api.person(), await api.person()];
  const startsAt = new Date("2027-03-28T01:30:00.000Z");
  const endsAt = new Date("2027-03-28T02:00:00.000Z");
  const { auctionId, meetingId, roomName } = await seedSold(api, host, guest, { startsAt, endsAt });
  const title = `Tea; milk, \\ sugar\r\nEND:VEVENT\u2028\u0007 ${"🫖 é".repeat(30)}`;
  await world.db.query(
    `INSERT INTO auction_listings (chain_id, contract, auction_id, user_id, title, description, transaction_hash)
     SELECT chain_id, contract, auction_id, $2, $3, '', '0x' || repeat('a', 64) FROM auctions WHERE auction_id = $1`,
    [auctionId, host.account.id, title],
  );
  const path = `/api/meetings/${meetingId}/calendar`;
  const sequences: number[] = [];
  for (const { token } of [host, guest]) {
    const { status, headers, text } = await api.request(path, { token });
    expect([status, headers.get("content-type")]).toEqual([200, "text/calendar; charset=utf-8"]);
    expect(text).not.toContain(roomName);
    const file = read(text);
    expect(file.get("DTSTART")).toBe("20270328T013000Z");
    expect(file.get("DTEND")).toBe("20270328T020000Z");
    expect(file.get("UID")).toMatch(new RegExp(`^${meetingId}@`));
    expect(file.get("STATUS")).toBe("CONFIRMED");
    expect(file.get("SUMMARY")).toBe(
      `Tea\\; milk\\, \\\\ sugar\\nEND:VEVENT\\n  ${"🫖 é".repeat(30)}`,
    );
    expect(text.match(/^END:VEVENT\r$/gm)).toHaveLength(1);
    sequences.push(Number(file.get("SEQUENCE")));
    const again = await api.request(path, {
      token,
      headers: { "if-none-match": headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  }
  await world.db.query(
    "UPDATE meetings SET state = 'withdrawn', version = version + 1 WHERE id = $1",
    [meetingId],
  );
  const cancelled = read((await api.request(path, { token: host.token })).text);
  expect(cancelled.get("STATUS")).toBe("CANCELLED");
  expect(Number(cancelled.get("SEQUENCE"))).toBeGreaterThan(Math.max(...sequences));
  expect((await api.request(path, { token: other.token })).status).toBe(404);
});
