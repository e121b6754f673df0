/** A worker that is frozen (SIGSTOP, a stalled VM) in the middle of a delivery: Postgres sees an open, idle transaction. */
import type { Client } from "@temporalio/client";
import { Database } from "../../src/db/database.ts";
import { enqueue } from "../../src/db/outbox.ts";
import { testLogger } from "../support/logs.ts";
import { OutboxRelay } from "../../src/workers/relay.ts";
import { createTestDatabase } from "../support/stack.ts";

test("a frozen worker's relay does not stop the messages of all the others", async () => {
  const database = await createTestDatabase();
  const db = new Database({ url: database.url, applicationName: "relay-test" });
  const delivered: string[] = [];
  const clientOf = (work: () => Promise<void>) =>
    ({
      withDeadline: (_at: number, run: () => Promise<void>) => run(),
      workflow: {
        getHandle: (id: string) => ({
          signal: async () => (await work(), void delivered.push(id)),
        }),
      },
    }) as unknown as Client;
  const relay = (client: Client) =>
    new OutboxRelay({ db, client, leadMs: 0, logger: testLogger() });
  await db.transaction((tx) =>
    enqueue(tx, [{ kind: "signal", workflowId: "a", payload: { signal: "extended", args: [] } }]),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const other = relay(clientOf(async () => undefined));
  const startedAtMs = Date.now();
  while (delivered.length === 0 && Date.now() - startedAtMs < 45_000) {
    await other.drain();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(delivered).toEqual(["a"]);
  await database.drop();
}, 60_000);
