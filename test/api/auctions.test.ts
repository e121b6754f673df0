import { tellListings } from "../../src/db/listings.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  type Person,
  seedAuction,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { randomBytes } from "node:crypto";

let world: TestWorld;
let api: TestApi;
let host: Person;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  host = await api.person();
});
afterAll(() => world.close());

const hash = () => `0x${randomBytes(32).toString("hex")}`;

function created(auctionId: string, person: Person, confirmations = 2): string {
  const transactionHash = hash();
  api.reader.creations.set(transactionHash, {
    status: "created",
    auctions: [{ auctionId, host: person.wallet.address.toLowerCase() }],
    blockNumber: 5,
    confirmations,
  });
  return transactionHash;
}

describe("an auction", () => {
  test("shows its money as text, its addresses checksummed, the server's clock and the proof of each step", async () => {
    const id = await seedAuction(world.db, {
      host: host.wallet.address,
      highBidWei: "1000000000000000000000",
      highBidder: host.wallet.address,
    });
    const answer = await api.request(`/api/auctions/${id}`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      id,
      host: host.wallet.address,
      phase: "bidding",
      highBidWei: "1000000000000000000000",
      highBidder: host.wallet.address,
      title: null,
    });
    // The contract asks for 5 % of the standing bid where that is more than the auction's own increment.
    expect(answer.body.minNextBidWei).toBe("1050000000000000000000");
    expect(Math.abs(Date.parse(answer.body.serverTime) - Date.now())).toBeLessThan(60_000);
    expect(answer.body.steps.created.blockNumber).toBe(5);
  });

  test("asks for the reserve price while there is no bid", async () => {
    const id = await seedAuction(world.db, { host: host.wallet.address });
    expect((await api.request(`/api/auctions/${id}`)).body.minNextBidWei).toBe("1000");
  });

  test("is `ending`, takes no bids and is not listed as active once its time is over", async () => {
    const id = await seedAuction(world.db, {
      host: host.wallet.address,
      endsAt: new Date(Date.now() - 1_000),
    });
    expect((await api.request(`/api/auctions/${id}`)).body).toMatchObject({
      phase: "ending",
      minNextBidWei: null,
    });
    const { body } = await api.request("/api/auctions/active?limit=100");
    expect(body.data.map((one: { id: string }) => one.id)).not.toContain(id);
  });

  test("is 304 until it changes", async () => {
    const id = await seedAuction(world.db, { host: host.wallet.address });
    const first = await api.request(`/api/auctions/${id}`);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"/);
    const same = await api.request(`/api/auctions/${id}`, {
      headers: { "if-none-match": etag, "cache-control": "max-age=0" },
    });
    expect([same.status, same.text]).toEqual([304, ""]);
    await world.db.query("UPDATE auctions SET version = version + 1 WHERE auction_id = $1", [id]);
    expect(
      (
        await api.request(`/api/auctions/${id}`, {
          headers: { "if-none-match": etag, "cache-control": "max-age=0" },
        })
      ).status,
    ).toBe(200);
  });

  test("that does not exist is 404, and its bids too", async () => {
    expect((await api.request("/api/auctions/999999")).body).toMatchObject({
      status: 404,
      code: "auction_not_found",
    });
    expect((await api.request("/api/auctions/999999/bids")).status).toBe(404);
  });

  test.each(["abc", "-1", "01", "1.5", `1${"0".repeat(78)}`])(
    "with the malformed id %s is 422",
    async (id) => {
      const answer = await api.request(`/api/auctions/${id}`);
      expect(answer.status).toBe(422);
      expect(answer.body.errors[0].pointer).toBe("/path/id");
    },
  );
});

describe("lists", () => {
  test("page through active auctions by end time, each once, in both directions", async () => {
    const ids: string[] = [];
    // Two of them end at the same moment.
    for (const seconds of [100, 200, 200, 300, 400])
      ids.push(
        await seedAuction(world.db, {
          host: host.wallet.address,
          endsAt: new Date(Date.UTC(2090, 0, 1, 0, 0, seconds)),
        }),
      );
    for (const [sort, expected] of [
      ["endsAt", ids],
      ["-endsAt", ids.toReversed()],
    ] as const) {
      const seen: string[] = [];
      for (let cursor: string | null = ""; cursor !== null;) {
        const { status, body } = await api.request(
          `/api/auctions/active?limit=2&sort=${sort}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        expect(status).toBe(200);
        seen.push(...body.data.map((one: { id: string }) => one.id));
        cursor = body.nextCursor as string | null;
      }
      expect(seen.filter((id) => ids.includes(id))).toEqual(expected);
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test("stay whole while rows are added before and behind the page that was read, and none comes twice", async () => {
    const at = (seconds: number) => new Date(Date.UTC(2095, 0, 1, 0, 0, seconds));
    const add = (seconds: number) =>
      seedAuction(world.db, { host: host.wallet.address, endsAt: at(seconds) });
    const ids = await Promise.all([10, 20, 30, 40, 50].map(add));
    const seen: string[] = [];
    let added: string | undefined;
    for (let cursor: string | null = ""; cursor !== null;) {
      const { body } = await api.request(
        `/api/auctions/active?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      const [id] = body.data.map((one: { id: string }) => one.id);
      seen.push(id);
      cursor = body.nextCursor as string | null;
      if (id !== ids[1]) continue;
      // Before what was read, at the same moment as it, and behind it.
      await add(5);
      await add(20);
      added = await add(45);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
    expect(seen).toContain(added);
  });

  test("refuse a cursor that was changed, or comes from another list", async () => {
    await seedAuction(world.db, { host: host.wallet.address });
    await seedAuction(world.db, { host: host.wallet.address });
    const { body } = await api.request("/api/auctions/active?limit=1");
    const forged = Buffer.from(
      JSON.stringify({
        ...JSON.parse(Buffer.from(body.nextCursor, "base64url").toString()),
        k: [0, "0"],
      }),
    ).toString("base64url");
    for (const query of [
      `limit=1&cursor=${forged}`,
      `limit=1&sort=-endsAt&cursor=${body.nextCursor}`,
      "cursor=nonsense",
    ]) {
      expect((await api.request(`/api/auctions/active?${query}`)).body).toMatchObject({
        status: 422,
        code: "cursor_invalid",
      });
    }
  });

  test.each(["0", "101", "-1", "1e2", "ten"])("refuse the limit %s", async (limit) => {
    expect((await api.request(`/api/auctions/active?limit=${limit}`)).status).toBe(422);
  });

  test("of own auctions hold those of the user's wallets and no others", async () => {
    const [me, other] = [await api.person(), await api.person()];
    const mine = await seedAuction(world.db, { host: me.wallet.address });
    await seedAuction(world.db, { host: other.wallet.address });
    const { body } = await api.request("/api/auctions/user/created", { token: me.token });
    expect(body.data.map((one: { id: string }) => one.id)).toEqual([mine]);
  });

  test("of bids come newest first and page through", async () => {
    const id = await seedAuction(world.db, { host: host.wallet.address });
    for (const [block, index, amount] of [
      [7, 0, 1_000],
      [7, 1, 2_000],
      [8, 0, 3_000],
    ]) {
      await world.db.query(
        `INSERT INTO bids (chain_id, block_hash, log_index, contract, auction_id, bidder, amount_wei, ends_at, block_number, placed_at, transaction_hash)
         SELECT chain_id, $2, $3, contract, auction_id, host, $4, ends_at, $5, now(), $2 FROM auctions WHERE auction_id = $1`,
        [id, hash(), index, amount, block],
      );
    }
    const first = await api.request(`/api/auctions/${id}/bids?limit=2`);
    const second = await api.request(
      `/api/auctions/${id}/bids?limit=2&cursor=${first.body.nextCursor}`,
    );
    expect(
      [...first.body.data, ...second.body.data].map((bid: { amountWei: string }) => bid.amountWei),
    ).toEqual(["3000", "2000", "1000"]);
    expect(second.body.nextCursor).toBeNull();
  });
});

describe("recording a created auction", () => {
  const words = { title: "An hour on gardening", description: "Bring questions." };
  const record = (transactionHash: string, person = host, json: object = words) =>
    api.request("/api/auctions/created", {
      token: person.token,
      json: { transactionHash, ...json },
    });

  test("writes the listing, starts the process, and shows in the auction, whose ETag changes", async () => {
    const id = await seedAuction(world.db, { host: host.wallet.address });
    const before = await api.request(`/api/auctions/${id}`);
    const answer = await record(created(id, host));
    expect([answer.status, answer.headers.get("location"), answer.body]).toEqual([
      201,
      `/api/auctions/${id}`,
      { auctionId: id, status: "recorded" },
    ]);
    expect(api.started.filter((input) => input.auctionId === id)).toHaveLength(1);
    const after = await api.request(`/api/auctions/${id}`);
    expect(after.body).toMatchObject(words);
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  test("is one recording under 50 calls at once", async () => {
    const id = await seedAuction(world.db, { host: host.wallet.address });
    const transactionHash = created(id, host);
    const answers = await Promise.all(Array.from({ length: 50 }, () => record(transactionHash)));
    expect(new Set(answers.map((one) => one.status))).toEqual(new Set([201]));
    const rows = await world.db.query(
      "SELECT 1 AS one FROM auction_listings WHERE auction_id = $1",
      [id],
    );
    expect(rows).toHaveLength(1);
  });

  test("is 202 with a place to ask while the chain has no receipt, and says so there", async () => {
    const transactionHash = hash();
    const answer = await record(transactionHash);
    expect([answer.status, answer.body.status, answer.headers.get("retry-after")]).toEqual([
      202,
      "unknown",
      "1",
    ]);
    const status = await api.request(answer.headers.get("location") ?? "", { token: host.token });
    expect(status.body).toMatchObject({ status: "unknown", auctionId: null });
  });

  test("keeps the words while the transaction is unconfirmed or unindexed, so that they are there when the auction is", async () => {
    const transactionHash = created("777001", host, 1);
    expect((await record(transactionHash)).body).toMatchObject({
      status: "unconfirmed",
      auctionId: "777001",
      confirmations: 1,
      confirmationsNeeded: 2,
    });
    api.reader.creations.set(transactionHash, {
      status: "created",
      auctions: [{ auctionId: "777001", host: host.wallet.address.toLowerCase() }],
      blockNumber: 5,
      confirmations: 2,
    });
    expect((await record(transactionHash)).body).toMatchObject({ status: "unindexed" });
    expect(api.started.filter((input) => input.auctionId === "777001")).toHaveLength(0);
    await seedAuction(world.db, { auctionId: "777001", host: host.wallet.address });
    expect((await api.request("/api/auctions/777001")).body).toMatchObject(words);
    expect((await record(transactionHash)).status).toBe(201);
  });

  test.each([
    ["reverted", "transaction_reverted"],
    ["other", "transaction_other"],
  ] as const)("refuses a transaction that is %s", async (status, code) => {
    const transactionHash = hash();
    api.reader.creations.set(transactionHash, { status });
    expect((await record(transactionHash)).body).toMatchObject({ status: 422, code });
  });

  test("of several in one transaction takes the caller's own; of several of theirs, the one they name", async () => {
    const other = await api.person();
    const hostOf = (person: Person): string => person.wallet.address.toLowerCase();
    const both = { status: "created", blockNumber: 5, confirmations: 2 } as const;
    const [first, second, third] = [777_101, 777_102, 777_103].map(String);
    for (const auctionId of [second, third])
      await seedAuction(world.db, { auctionId: auctionId ?? "", host: host.wallet.address });
    const of = (auctionId = "", person = host) => ({ auctionId, host: hostOf(person) });

    const bundle = hash();
    api.reader.creations.set(bundle, { ...both, auctions: [of(first, other), of(second)] });
    const recorded = await record(bundle);
    expect([recorded.status, recorded.body.auctionId]).toEqual([201, second]);
    const status = await api.request(`/api/auctions/transactions/${bundle}`, { token: host.token });
    expect(status.body).toMatchObject({ auctionId: second, auctionIds: [first, second] });

    const multicall = hash();
    api.reader.creations.set(multicall, { ...both, auctions: [of(second), of(third)] });
    const detailOf = (detail?: string) =>
      expect.objectContaining({ pointer: "/auctionId", detail });
    expect((await record(multicall)).body).toMatchObject({
      status: 409,
      code: "auction_ambiguous",
      errors: [detailOf(second), detailOf(third)],
    });
    const name = (auctionId = "", person = host, transactionHash = multicall) =>
      api.request("/api/auctions/created", {
        token: person.token,
        json: { transactionHash, auctionId, ...words },
      });
    expect((await name(third)).body).toEqual({ auctionId: third, status: "recorded" });
    expect((await name(first)).body).toMatchObject({
      status: 422,
      code: "auction_not_in_transaction",
    });
    expect((await name(third, other)).body).toMatchObject({
      status: 403,
      code: "wallet_not_yours",
    });
    expect((await name(first, host, bundle)).body).toMatchObject({ code: "wallet_not_yours" });
  });

  test("tells the title also when it is said while the indexer's transaction is open", async () => {
    const auctionId = "777201";
    let transactionHash = "";
    let answer: ReturnType<typeof record> | undefined;
    await world.db.transaction(async (tx) => {
      await seedAuction(tx, { auctionId, host: host.wallet.address });
      const [row] = await tx.query<{ hash: string }>(
        "SELECT steps->'created'->>'transactionHash' AS hash FROM auctions WHERE auction_id = $1",
        [auctionId],
      );
      transactionHash = row?.hash ?? "";
      await tellListings(tx, { chainId: CHAIN_ID, contract: AUCTION_CONTRACT }, [auctionId]);
      api.reader.creations.set(transactionHash, {
        status: "created",
        auctions: [{ auctionId, host: host.wallet.address.toLowerCase() }],
        blockNumber: 5,
        confirmations: 2,
      });
      answer = record(transactionHash);
      // It has written the title, and waits for this transaction.
      const waiting = async (): Promise<boolean> =>
        (await world.db.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
          .length > 0;
      while (!(await waiting())) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    expect((await answer)?.status).toBe(201);
    const told = "SELECT FROM events WHERE type = 'auction-listed' AND data->>'auctionId' = $1";
    expect(await world.db.query(told, [auctionId])).toHaveLength(1);
  });

  test("refuses an auction of somebody else's wallet, and keeps nothing", async () => {
    const [other] = [await api.person()];
    const id = await seedAuction(world.db, { host: host.wallet.address });
    expect((await record(created(id, host), other)).body).toMatchObject({
      status: 403,
      code: "wallet_not_yours",
    });
    expect(
      await world.db.query("SELECT 1 AS one FROM auction_listings WHERE auction_id = $1", [id]),
    ).toHaveLength(0);
  });

  test("refuses one Idempotency-Key for two different requests", async () => {
    const headers = { "idempotency-key": "create-1" };
    const send = (title: string) =>
      api.request("/api/auctions/created", {
        token: host.token,
        headers,
        json: { transactionHash, title, description: "" },
      });
    const transactionHash = hash();
    expect([(await send("one")).status, (await send("one")).status]).toEqual([202, 202]);
    expect((await send("two")).body).toMatchObject({ status: 422, code: "idempotency_key_reused" });
  });

  test("names every field that is wrong, unknown ones too", async () => {
    const answer = await api.request("/api/auctions/created", {
      token: host.token,
      json: { transactionHash: "0x12", title: " ", description: "", host: "me" },
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((one: { pointer: string }) => one.pointer).sort()).toEqual([
      "/host",
      "/title",
      "/transactionHash",
    ]);
  });
});
