// Notifications, as their owner reads them.
import { createTestWorld, type Person, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

describe("the inbox", () => {
  const write = (owner: Person, cause: string) =>
    world.db.query(
      "INSERT INTO notifications (user_id, cause, type, title, body, data) VALUES ($1, $2, 'auction-ended', 'Ended', 'It ended.', $3)",
      [owner.account.id, cause, JSON.stringify({ auctionId: "1" })],
    );

  test("shows one's own, newest first, with how many are unread, and marks them read", async () => {
    const [me, other] = [await api.person(), await api.person()];
    for (const cause of ["a", "b", "c"]) await write(me, cause);
    await write(other, "a");
    const first = await api.request("/api/notifications?limit=2", { token: me.token });
    expect([first.body.data.length, first.body.unreadCount]).toEqual([2, 3]);
    const rest = await api.request(`/api/notifications?limit=2&cursor=${first.body.nextCursor}`, {
      token: me.token,
    });
    expect([rest.body.data.length, rest.body.nextCursor]).toEqual([1, null]);
    const id = rest.body.data[0].id as string;
    const read = await api.request(`/api/notifications/${id}/read`, {
      method: "POST",
      token: me.token,
    });
    expect(read.body.readAt).not.toBeNull();
    // Reading it again does not move the time.
    expect(
      (await api.request(`/api/notifications/${id}/read`, { method: "POST", token: me.token })).body
        .readAt,
    ).toBe(read.body.readAt);
    expect(
      (await api.request("/api/notifications?unread=true", { token: me.token })).body.data,
    ).toHaveLength(2);
    expect(
      (await api.request(`/api/notifications/${id}/read`, { method: "POST", token: other.token }))
        .status,
    ).toBe(404);
    expect(
      (await api.request("/api/notifications/read-all", { method: "POST", token: me.token })).body,
    ).toEqual({ marked: 2, unreadCount: 0 });
    expect((await api.request("/api/notifications", { token: other.token })).body.unreadCount).toBe(
      1,
    );
  });
});
