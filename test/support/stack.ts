/**
 * Servers for tests, shared by a whole jest run and started when the first test file asks:
 *
 *     const db = await createTestDatabase();          // in beforeAll: a migrated database of its own
 *     afterAll(() => db.drop());
 *     const { address, namespace } = await getTestTemporal();   // a namespace of its own
 */
import { randomBytes } from "node:crypto";
import { createDatabase, query } from "../../dev/stack/postgres.ts";

/** The one Postgres server of a run. */
export interface PostgresAnswer {
  readonly adminUrl: string;
  readonly template: string;
}

/** The one Temporal server of a run. */
export interface TemporalAnswer {
  readonly address: string;
  /** Nobody else's in this run. */
  readonly namespace: string;
}

/** The workflow code of this run. */
export interface WorkflowBundleAnswer {
  /** A file with the bundle, as `Worker.create` takes it. */
  readonly codePath: string;
}

/** The product's modules, compiled once per run. */
export interface CompiledProductAnswer {
  /** For NODE_COMPILE_CACHE of the product's processes. */
  readonly compileCache: string;
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A fresh database with the project's migrations applied, for one test file; `empty` leaves them out. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const { adminUrl, template } = await askPostgres();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await createDatabase(adminUrl, name, options.empty === true ? "template0" : template);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  // On a busy machine a connection may take long; only a server that is gone takes this long.
  url.searchParams.set("connect_timeout", "120");
  return {
    url: url.href,
    drop: async () => {
      await query(adminUrl, `drop database if exists "${name}" with (force)`);
    },
  };
}

/**
 * The Temporal dev server of this run (in memory, the product's search attributes registered), with a
 * namespace that no other caller has. Ask once per test file.
 */
export function getTestTemporal(): Promise<TemporalAnswer> {
  return ask("/temporal");
}

/** The product's workflow code, bundled once per run: making it takes a second or more of processor time. */
export function getTestWorkflowBundle(): Promise<WorkflowBundleAnswer> {
  return ask("/workflow-bundle");
}

/** Compiles the product's modules once per run: each start of a worker takes half the processor time then. */
export function getCompiledProduct(): Promise<CompiledProductAnswer> {
  return ask("/compiled-product");
}

function askPostgres(): Promise<PostgresAnswer> {
  return ask("/postgres");
}

// What the broker says (test/support/broker.ts) is believed: both ends are ours.
// oxlint-disable-next-line typescript/no-explicit-any
async function ask(path: string): Promise<any> {
  const broker = process.env["MEETING_AUCTION_TEST_BROKER"];
  if (broker === undefined)
    throw new Error("no broker: run the tests with npm test, or jest with jest.config.js");
  const response = await fetch(`${broker}${path}`);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}
