import { Connection } from "@temporalio/client";
import { query } from "../../dev/stack/postgres.ts";
import { createTestDatabase, getTestTemporal } from "../support/stack.ts";

test("each caller gets a database of its own, on one server", async () => {
  const [first, second] = await Promise.all([
    createTestDatabase(),
    createTestDatabase({ empty: true }),
  ]);
  await query(first.url, "create table only_here (id int)");
  expect(await query(second.url, "select to_regclass('only_here') as found")).toEqual([
    { found: null },
  ]);
  const ports = [first, second].map((database) => new URL(database.url).port);
  expect(ports[0]).toBe(ports[1]);

  await Promise.all([first.drop(), second.drop()]);
  await expect(query(first.url, "select 1")).rejects.toThrow(/does not exist/);
});

test("each caller gets a Temporal namespace of its own, on one server", async () => {
  const [first, second] = await Promise.all([getTestTemporal(), getTestTemporal()]);
  expect(first.address).toBe(second.address);
  expect(first.namespace).not.toBe(second.namespace);

  const connection = await Connection.connect({ address: first.address });
  try {
    const { namespaceInfo } = await connection.workflowService.describeNamespace({
      namespace: first.namespace,
    });
    expect(namespaceInfo?.name).toBe(first.namespace);
  } finally {
    await connection.close();
  }
});
