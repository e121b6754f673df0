// The document is one that others' tools take: redocly and spectral, with OWASP's rules for APIs, find nothing in it.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";

interface Run {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs a linter as a developer would, from the root of the repository, with nothing asked of the network. */
function lint(program: string, args: readonly string[]): Promise<Run> {
  const file = join(repositoryRoot, "node_modules", program);
  const env = {
    ...process.env,
    NODE_OPTIONS: "",
    CI: "true",
    NO_COLOR: "1",
    REDOCLY_TELEMETRY: "off",
    REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], { cwd: repositoryRoot, env }, (error, out, err) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output: `${out}${err}` }),
    );
  });
}

test("redocly finds no error and nothing to warn of", async () => {
  const { exitCode, output } = await lint("@redocly/cli/bin/cli.js", ["lint", "openapi.json"]);
  expect(output).not.toMatch(/warning/i);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
});

test("spectral finds no error and nothing to warn of, by OWASP's rules too", async () => {
  const { exitCode, output } = await lint("@stoplight/spectral-cli/dist/index.js", [
    "lint",
    "openapi.json",
    "--fail-severity=warn",
  ]);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
});
