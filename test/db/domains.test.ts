import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Database } from "../../src/db/database.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "test" });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

test.each([
  ["eth_hash", 64],
  ["eth_address", 40],
])("%s holds 0x and %i lower-case hexadecimal digits, and nothing else", async (domain, digits) => {
  const good = `0x${"0a".repeat(digits / 2)}`;
  expect(await db.query(`SELECT $1::${domain} AS value`, [good])).toEqual([{ value: good }]);
  for (const bad of [
    "",
    "0x",
    `${good}0`,
    good.slice(0, -1),
    good.toUpperCase(),
    good.replaceAll("a", "A"),
    good.replace("0x", "1x"),
    `${good.slice(0, -1)}g`,
    `${good.slice(0, -1)}\n`,
    `\n${good.slice(0, -1)}`,
    ` ${good.slice(0, -1)}`,
  ])
    await expect(db.query(`SELECT $1::${domain}`, [bad])).rejects.toThrow(`${domain}_check`);
});
