// What npm test decides: which files a change can affect, and which files it names as slow.
import { describe, expect, test } from "@jest/globals";
import { slowestFiles } from "../../scripts/jest-run.ts";
import { References, testsOfChange } from "../../scripts/test-changed.ts";

describe("which tests a change can affect", () => {
  const texts: Readonly<Record<string, string>> = {
    "src/a.ts": "export const a = 1;",
    "src/b.ts": 'import { a } from "./a.ts";\nimport type { C } from "./c.ts";',
    "src/c.ts": "export interface C {}",
    "src/main.ts": 'await import("./b.ts");',
    "docs/guide.md": "see src/a.ts",
    "migrations/one.ts": "",
    "src/db/migrate.ts": 'import "../a.ts";',
    "test/a.test.ts": 'import { a } from "../src/a.ts";',
    "test/c.test.ts": 'import { c } from "../src/c.ts";',
    "test/spawns.test.ts": 'spawn(process.execPath, [join(root, "src/main.ts")]);',
    "test/reads.test.ts": 'readFileSync(new URL("../docs/guide.md", import.meta.url));',
    "test/folder.test.ts": 'readdirSync("docs/"); split("/");',
    "test/database.test.ts": "await createTestDatabase();",
    "test/gone.test.ts": 'import "../src/gone.ts";',
    "src/gone.ts": "",
    "test/image.test.ts": 'readFileSync(join(root, "Dockerfile"));',
    Dockerfile: "FROM scratch",
    "test/support/stack.ts": "",
    "package.json": "{}",
  };
  const references = new References(Object.keys(texts), (file) => texts[file] ?? "");

  test.each<[what: string, changed: string[], tests: string[]]>([
    ["imports, and programs that tests start", ["src/a.ts"], ["a", "database", "spawns"]],
    ["not through an import of types only", ["src/c.ts"], ["c"]],
    ["files and folders that a test reads", ["docs/guide.md"], ["reads", "folder"]],
    ["migrations: every test with a database", ["migrations/one.ts"], ["database"]],
    ["a test itself", ["test/c.test.ts"], ["c"]],
    ["nothing", ["README.md"], []],
    ["what was deleted, and is still named", ["src/gone.ts"], ["gone"]],
    ["a file at the root", ["Dockerfile"], ["image"]],
  ])("%s", (_what, changed, tests) => {
    // The nearest first.
    expect(references.testsOf(changed)).toEqual(tests.map((name) => `test/${name}.test.ts`));
  });

  test("what may matter to anything: all", () => {
    const all = Object.keys(texts).filter((file) => file.endsWith(".test.ts"));
    expect(references.testsOf(["package.json"])).toEqual(all);
    expect(references.testsOf(["test/support/stack.ts"])).toEqual(all);
  });

  test("in this repository a change of the sender reaches what starts a worker, and not the tests of the API alone", () => {
    const tests = testsOfChange(["src/chain/sending/timing.ts"]);
    expect(tests).toEqual(
      expect.arrayContaining([
        "test/chain/timing.test.ts",
        "test/chain/sender.test.ts",
        "test/process/demo.test.ts",
        "test/simulation/seeds.test.ts",
      ]),
    );
    expect(tests).not.toContain("test/api/http.test.ts");
    const migrations = testsOfChange(["migrations/Migration20261122000000_initial.ts"]);
    expect(migrations).toEqual(
      expect.arrayContaining(["test/api/http.test.ts", "test/chain/indexer.test.ts"]),
    );
    // Files that are gone, files of other kinds, and what the broker of a run starts.
    for (const [changed, affected] of [
      ["migrations/Migration20200101000000_gone.ts", "test/api/http.test.ts"],
      ["test/histories/gone.auction.json", "test/replay/replay.test.ts"],
      ["Dockerfile", "test/deployment/containers.test.ts"],
      ["deploy/kubernetes/base/api.yml", "test/deployment/kubernetes.test.ts"],
      ["client/tsconfig.json", "test/client/docs.test.ts"],
      ["src/workers/bundle.ts", "test/workflows/auction-clock.test.ts"],
      ["dev/stack/temporal.ts", "test/workflows/auction-clock.test.ts"],
      ["dev/stack/search-attributes.ts", "test/workflows/auction-clock.test.ts"],
      ["src/api/inbox/routes.ts", "test/api/event-catalog.test.ts"],
    ] as const)
      expect([changed, testsOfChange([changed])]).toEqual([
        changed,
        expect.arrayContaining([affected]),
      ]);
    const contracts = testsOfChange(["contracts/artifacts/MeetingAuction.json"]);
    expect(contracts).toEqual(
      expect.arrayContaining(["test/contracts/bidding.test.ts", "test/chain/sender.test.ts"]),
    );
  });
});

test("the slowest files are named, and those over a minute as too slow", () => {
  const times = Array.from({ length: 12 }, (_, index) => ({
    file: `test/${index}.test.ts`,
    seconds: index * 6,
  }));
  const lines = slowestFiles(times).trim().split("\n");
  expect(lines[0]).toBe("The 10 slowest of 12 files:");
  expect(lines).toHaveLength(11);
  expect(lines[1]).toMatch(/66\.0 s {2}test\/11\.test\.ts {2}too slow: more than 60 s$/);
  expect(lines[2]).toMatch(/60\.0 s {2}test\/10\.test\.ts$/);
});
