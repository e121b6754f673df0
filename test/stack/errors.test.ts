import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureBlock, reasonsIn, StackError } from "../../dev/stack/errors.ts";

const line = (level: string, message: string, error?: object): string =>
  JSON.stringify({ level, message, error, timestamp: "2026-11-30T12:00:00.000Z" });
const stack = `/src/api/routes.ts:2
const = 3;
      ^

SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Unexpected token
    at parseTypeScript (node:internal/modules/typescript:72:36)
    at start (/src/run-process.ts:42:7)`;

test("of a process that ended people read the error, with file, line and stack, and not what was logged before", () => {
  const lines = [
    line("info", "GET /api/meta 200"),
    line("error", "the start failed", { name: "SyntaxError", message: "Unexpected token", stack }),
  ];
  expect(reasonsIn(lines)).toEqual([
    "the start failed: /src/api/routes.ts:2",
    "const = 3;",
    "      ^",
    "",
    "SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Unexpected token",
    "    at start (/src/run-process.ts:42:7)",
  ]);
});

test("what is no line of the log is a reason; where there is none, all lines are", () => {
  expect(reasonsIn([line("info", "x"), "Segmentation fault", "{}"])).toEqual([
    "Segmentation fault",
    "{}",
  ]);
  expect(reasonsIn([line("info", "x")])).toEqual([line("info", "x")]);
  // Lines of others that look like ours.
  for (const other of ['{"level":"error","message":5}', '{"level":"error"}', "null", "5"])
    expect(reasonsIn([other])).toEqual([other]);
  expect(reasonsIn([line("error", "\u001b[2Jx")])).toEqual(["�[2Jx"]);
});

test("a restart appends to the log: only what the process that failed has written is shown", () => {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-errors-"));
  try {
    const logFile = join(folder, "api.log");
    const before = `${line("error", "of the run before")}\n`;
    writeFileSync(logFile, `${before}${line("error", "of this run")}\n`);
    const details = { logFile, logFrom: Buffer.byteLength(before), tryThis: "something" };
    const error = new StackError("api ended", details);
    expect(failureBlock(error, { advice: false })).toBe("api ended\n  | of this run");
    expect(failureBlock(error)).toBe(
      `api ended\n\n  last lines of ${logFile}\n  | of this run\n\n  Try: something`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
