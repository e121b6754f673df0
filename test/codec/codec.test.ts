/** Payloads on a real server: what lies there is ciphertext, the codec server makes it readable, and rotation loses nothing. */
import { once } from "node:events";
import type { Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Payload } from "@temporalio/common";
import { createCodecServer } from "../../src/codec-http.ts";
import { createPayloadCodec } from "../../src/codec.ts";
import { payloadKeys } from "../../src/config-parsers.ts";
import { Secret } from "../../src/secret.ts";
import { getTestTemporal } from "../support/stack.ts";
import { SALE, startAuction, type TestAuction } from "../workflows/auctions.ts";
import { HOST, WINNER } from "../workflows/activities.ts";
import { createWorld, detailsOf, historyOf, until, type World } from "../workflows/world.ts";

const key = (id: string, byte: number): string =>
  `${id}:${Buffer.alloc(32, byte).toString("base64")}`;
const K1 = key("k1", 1);
const K2 = key("k2", 2);
const UI = "https://temporal.example.org";

/** One server after the other, as if all processes were restarted with other keys. */
let temporal: { readonly address: string; readonly namespace: string };
const worlds: World[] = [];
const servers: Server[] = [];
beforeAll(async () => {
  temporal = await getTestTemporal();
});
afterAll(async () => {
  for (const server of servers) server.close().closeAllConnections();
  for (const world of worlds) await world.close();
});

async function restartedWith(keys: string | undefined): Promise<World> {
  for (const world of worlds.splice(0)) await world.close();
  const codecs = keys === undefined ? [] : [createPayloadCodec(payloadKeys(keys))];
  const world = await createWorld({ ...temporal, dataConverter: { payloadCodecs: codecs } });
  worlds.push(world);
  await world.startWorkers();
  return world;
}

/** The same auction, seen by another world. */
function seenBy(world: World, auction: TestAuction): TestAuction {
  return Object.assign(Object.create(Object.getPrototypeOf(auction)) as TestAuction, auction, {
    world,
    handle: world.client.workflow.getHandle(auction.id),
  });
}

const textOf = (payload: Payload | undefined, name: string): string =>
  Buffer.from(payload?.metadata?.[name] ?? []).toString();

/** Every payload of a history, and everything of it as text. */
async function written(auction: TestAuction): Promise<{ payloads: Payload[]; text: string }> {
  const events = await historyOf(auction.handle);
  const payloads: Payload[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
    for (const [name, inner] of Object.entries(value)) {
      // Search attributes are plain by the server's rules; a patch's name is the SDK's own.
      if (name === "searchAttributes" || name === "markerRecordedEventAttributes") continue;
      if (name === "payloads") payloads.push(...(inner as Payload[]));
      else walk(inner);
    }
  };
  walk(events);
  return {
    payloads,
    text: payloads.map((one) => Buffer.from(one.data ?? []).toString()).join("\n"),
  };
}

async function serve(options: Partial<Parameters<typeof createCodecServer>[0]> = {}) {
  const server = createCodecServer({ keys: payloadKeys(`${K2},${K1}`), origin: UI, ...options });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return (path: string, payloads: readonly Payload[], headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-namespace": "default", ...headers },
      body: JSON.stringify({ payloads: payloads.map(jsonOf) }),
    });
}

const base64 = (bytes: Uint8Array | null | undefined): string =>
  Buffer.from(bytes ?? []).toString("base64");
const jsonOf = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([k, v]) => [k, base64(v)])),
  data: base64(data),
});

async function plain(answer: Response): Promise<string> {
  const { payloads } = (await answer.json()) as { payloads: { data: string }[] };
  return payloads.map((one) => Buffer.from(one.data, "base64").toString()).join("\n");
}

test("what was plain stays readable, what is written with keys is ciphertext, and old keys open after a rotation", async () => {
  const before = await restartedWith(undefined);
  const first = await startAuction(before, { endsInMs: 3_600_000 });
  await first.state(() => true);
  expect((await written(first)).text).toContain(HOST);

  const sealed = await restartedWith(K1);
  // Begun in plain, carried on sealed.
  await seenBy(sealed, first).cancel();
  await seenBy(sealed, first).handle.result();
  const sold = await startAuction(sealed);
  const sleeping = await startAuction(sealed, { endsInMs: 3_600_000 });
  await until("the request", () => sold.requestedEnds.length > 0);
  await sold.settle("end", SALE);
  await until("the meeting", () => sold.steps.includes("arrangeMeeting"));
  await sold.settle("mint");
  await sold.handle.result();
  expect(await detailsOf(sold.handle)).toContain(WINNER);
  const { payloads, text } = await written(sold);
  expect(payloads.length).toBeGreaterThan(5);
  expect(new Set(payloads.map((one) => textOf(one, "encoding")))).toEqual(
    new Set(["binary/encrypted"]),
  );
  expect(new Set(payloads.map((one) => textOf(one, "encryption-key-id")))).toEqual(new Set(["k1"]));
  for (const personal of [HOST, WINNER, SALE.amountWei]) expect(text).not.toContain(personal);

  const decode = await serve();
  const shown = await plain(await decode("/decode", payloads, { origin: UI }));
  for (const personal of [HOST, WINNER, SALE.amountWei]) expect(shown).toContain(personal);
  // What the Web UI sends to start a process is sealed too, and with the newest key.
  const encoded = await decode("/encode", [
    { metadata: { encoding: Buffer.from("json/plain") }, data: Buffer.from('"by hand"') },
  ]);
  expect(await plain(encoded)).not.toContain("by hand");

  const rotated = await restartedWith(`${K2},${K1}`);
  const woken = seenBy(rotated, sleeping);
  await woken.cancel();
  expect(await woken.handle.result()).toMatchObject({ phase: "cancelled" });
  const ids = new Set(
    (await written(woken)).payloads.map((one) => textOf(one, "encryption-key-id")),
  );
  expect(ids).toEqual(new Set(["k1", "k2"]));
  expect(rotated.taskFailures).toEqual([]);
});

test("what was changed, or sealed with a key that is not given, does not open; plain in front seals nothing", async () => {
  const payload: Payload = {
    metadata: { encoding: Buffer.from("json/plain") },
    data: Buffer.from("1"),
  };
  const codec = createPayloadCodec(payloadKeys(K1));
  const [sealed = payload] = await codec.encode([payload]);
  const data = Buffer.from(sealed.data ?? []);
  data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
  await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow("unable to authenticate");
  await expect(codec.decode([{ ...sealed, data: Buffer.alloc(3) }])).rejects.toThrow("too short");
  await expect(createPayloadCodec(payloadKeys(K2)).decode([sealed])).rejects.toThrow(
    "the key k1, which is not among",
  );
  const reading = createPayloadCodec(payloadKeys(`plain,${K1}`));
  expect(await reading.encode([payload])).toEqual([payload]);
  expect((await reading.decode([sealed]))[0]?.data?.toString()).toBe("1");
});

test("the codec server answers the Web UI's pages and tools, and no other page", async () => {
  const call = await serve();
  const answer = await call("/decode", [], { origin: UI });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, UI]);
  expect((await call("/decode", [])).status).toBe(200);
  for (const origin of ["https://evil.example.org", "null", `${UI}.evil.org`]) {
    const refused = await call("/decode", [], { origin });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
      403,
      null,
    ]);
  }
  expect((await call("/other", [])).status).toBe(404);
  const guarded = await serve({ token: new Secret("t".repeat(32)) });
  expect((await guarded("/decode", [])).status).toBe(401);
  const authorization = `Bearer ${"t".repeat(32)}`;
  expect((await guarded("/decode", [], { authorization })).status).toBe(200);
});
