// Parts that take a connection and then say nothing: the doctor comes to its end all the same.
import { execFile } from "node:child_process";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";

const AUTHENTICATED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** A Postgres that lets everybody in and has frozen by the time of the first question. */
let frozen: Server;
beforeAll(async () => {
  frozen = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(Buffer.concat([AUTHENTICATED, READY_FOR_QUERY])));
  });
  await new Promise<void>((resolve) => frozen.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  frozen.close();
});

test("the doctor names a database that has frozen, and ends with its exit code", async () => {
  const { port } = frozen.address() as AddressInfo;
  const { promise, resolve } = Promise.withResolvers<[number | undefined, string]>();
  const child = execFile(
    process.execPath,
    [join(repositoryRoot, "test/ops/doctor-process.ts"), "doctor"],
    {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: `postgres://auctions:pw@127.0.0.1:${port}/auctions`,
        TEMPORAL_ADDRESS: "127.0.0.1:1",
        ETH_HTTP_ENDPOINT: "http://127.0.0.1:1",
        AUCTION_CONTRACT_ADDRESS: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
      },
    },
    (_error, stdout) => resolve([child.exitCode ?? undefined, stdout]),
  );
  const [code, stdout] = await promise;
  expect(code).toBe(1);
  expect(stdout).toContain("docs/operations.md#database-down");
  expect(stdout).toContain("docs/operations.md#temporal-down");
  expect(stdout).toContain("docs/operations.md#rpc-down");
});
