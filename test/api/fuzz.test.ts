// Schemathesis makes requests out of openapi.json, as a host, as a winner and as Jitsi: right ones, wrong ones, and sequences of
// both. Whatever it sends, the answer is one that the document declares, and never a defect. TEST_RUNS_FACTOR=10 and TEST_SEED=7
// dig deeper, and elsewhere.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStage, type Stage, willingTemporal } from "../authority/stage.ts";
import { testWith } from "../deployment/tools.ts";
import { runs, SEED } from "../support/random.ts";
import { createTestWorld, JITSI_SECRET, type TestApi, type TestWorld } from "../support/api.ts";

const PROGRAM = "schemathesis";
/** Random requests per route. */
const EXAMPLES = String(runs(5));

/**
 * Checked is what the document promises: no 5xx, no status, header, media type or body it does not declare, nothing malformed
 * let through, no method that is not there, and no way in without a token.
 */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "negative_data_rejection",
  "unsupported_method",
  "ignored_auth",
].join(",");

let world: TestWorld;
let api: TestApi;
let stage: Stage;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-fuzz-"));
  world = await createTestWorld();
  api = await world.start({ temporal: willingTemporal });
  stage = await createStage(api);
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The document, in which every id may also be one that there is: else every answer would be "not found". */
async function documentWithIds(caller: "host" | "winner" | "jitsi"): Promise<string> {
  const owner = stage.people[caller === "jitsi" ? "host" : caller];
  const webhook = await api.request("/api/webhooks", {
    token: owner.token,
    json: { url: "https://example.org/events" },
  });
  const { body: document } = await api.request("/api/openapi.json");
  const idAt = (path: string): string | undefined => {
    if (path.includes("{transactionHash}")) return stage.transactionHash;
    if (path.includes("notifications")) return stage.notificationId;
    if (path.includes("webhooks")) return webhook.body.id as string;
    if (/auctions|\/auction\//.test(path)) return stage.auctionId;
    return path.includes("{id}") ? stage.meetingId : undefined;
  };
  for (const [path, operations] of Object.entries<Record<string, Operation>>(document.paths))
    for (const { parameters = [] } of Object.values(operations))
      for (const parameter of parameters) {
        const id = idAt(path);
        if (parameter.in === "path" && id !== undefined && parameter.name !== "what")
          parameter.schema = { anyOf: [{ type: "string", enum: [id] }, parameter.schema] };
      }
  writeFileSync(join(folder, "schemathesis.toml"), SETTINGS);
  const file = join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  return file;
}

/** Schemathesis knows some statuses that refuse what is malformed; too long is another. */
const SETTINGS = `[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "414", "415", "422", "429", "431", "5xx"]
`;

interface Operation {
  readonly parameters?: { readonly in: string; readonly name: string; schema: object }[];
}

function run(args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  // Its own settings and caches stay in the test's folder.
  const options = {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NODE_OPTIONS: "" },
  };
  return new Promise((resolve) => {
    execFile(PROGRAM, args, options, (error, out, err) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output: `${out}${err}` }),
    );
  });
}

const JITSI_ROUTES = "^/(conference|api/integrations)";

(testWith(PROGRAM) as typeof test).each(["host", "winner", "jitsi"] as const)(
  "as %s: no 5xx, and nothing that is not declared",
  async (caller) => {
    const token = caller === "jitsi" ? JITSI_SECRET : stage.people[caller].token;
    const file = await documentWithIds(caller);
    const { exitCode, output } = await run(
      [
        ["run", file, "--url", api.url, "--header", `Authorization: Bearer ${token}`],
        ["--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", String(SEED), "--no-color"],
        [caller === "jitsi" ? "--include-path-regex" : "--exclude-path-regex", JITSI_ROUTES],
        // Logging out ends the token of the run.
        ["--exclude-operation-id", "logOut", "--continue-on-failure", "--warnings", "off"],
      ].flat(),
    );
    const summary = /\n=+ SUMMARY =+\n[\s\S]*$/.exec(output)?.[0] ?? output;
    process.stdout.write(`fuzzed as ${caller} (seed ${SEED})${summary}\n`);
    expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
  },
  900_000,
);
