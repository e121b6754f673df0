import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "@jest/globals";

/** Whether a program is on the PATH. */
function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * `test` where the program is there, a skipped test elsewhere: npm test needs Node and npm alone. .ci/run installs all of them
 * and says so by REQUIRE_DEPLOYMENT_TOOLS.
 */
export function testWith(program: string): typeof test | typeof test.skip {
  if (isInstalled(program)) return test;
  if (process.env["REQUIRE_DEPLOYMENT_TOOLS"] === "1") throw new Error(`${program} is missing`);
  return test.skip;
}
