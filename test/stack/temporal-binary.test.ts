import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createProcesses } from "../../dev/stack/processes.ts";
import type { Processes } from "../../dev/stack/processes.ts";
import {
  buildTemporal,
  cachedTemporalBinary,
  locateTemporalBinary,
} from "../../dev/stack/temporal-binary.ts";

let folder: string;
let processes: Processes;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-temporal-"));
  processes = createProcesses({ logDir: join(folder, "logs") });
  env = { PATH: join(folder, "path"), XDG_CACHE_HOME: join(folder, "cache") };
});
afterEach(async () => {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
const temporal = (path: string): string => program(path, "echo temporal version 1.5.1");

test("TEMPORAL_CLI_PATH comes before the PATH, the PATH before the cache", () => {
  expect(locateTemporalBinary(env)).toBeUndefined();
  const cached = temporal(cachedTemporalBinary(env));
  expect(locateTemporalBinary(env)).toBe(cached);
  const onPath = temporal(join(folder, "path/temporal"));
  expect(locateTemporalBinary(env)).toBe(onPath);
  const wished = temporal(join(folder, "wished"));
  expect(locateTemporalBinary({ ...env, TEMPORAL_CLI_PATH: wished })).toBe(wished);
});

test("a wish that cannot be met is an error, not a search", () => {
  temporal(cachedTemporalBinary(env));
  expect(() =>
    locateTemporalBinary({ ...env, TEMPORAL_CLI_PATH: join(folder, "nothing") }),
  ).toThrow(/TEMPORAL_CLI_PATH=.*nothing is not an executable file/);
});

test("another program of that name on the PATH is passed over", () => {
  program(join(folder, "path/temporal"), "echo a calendar");
  const cached = temporal(cachedTemporalBinary(env));
  expect(locateTemporalBinary(env)).toBe(cached);
});

test("without XDG_CACHE_HOME the cache is in the home folder", () => {
  expect(cachedTemporalBinary({ HOME: "/home/someone" })).toBe(
    "/home/someone/.cache/meeting-auction/bin/temporal",
  );
});

test("go install builds into the cache, which the next search finds", async () => {
  const asked = join(folder, "asked");
  program(
    join(folder, "path/go"),
    `echo "$@" > ${asked}; printf '#!/bin/sh\\necho temporal version 1.5.1\\n' > "$GOBIN/temporal"; /bin/chmod +x "$GOBIN/temporal"`,
  );
  await buildTemporal(processes, cachedTemporalBinary(env), env);
  expect(readFileSync(asked, "utf8")).toBe(
    "install github.com/temporalio/cli/cmd/temporal@v1.5.1\n",
  );
  expect(locateTemporalBinary(env)).toBe(cachedTemporalBinary(env));
});

test("a failed build names its log and leaves nothing in the cache", async () => {
  program(join(folder, "path/go"), "echo no space left; exit 1");
  const target = cachedTemporalBinary(env);
  await expect(buildTemporal(processes, target, env)).rejects.toMatchObject({
    message: "go install could not build the Temporal server",
    logFile: join(folder, "logs/temporal-build.log"),
  });
  expect(readFileSync(join(folder, "logs/temporal-build.log"), "utf8")).toBe("no space left\n");
  expect(existsSync(target)).toBe(false);
});

test("without Go there is one thing to try", async () => {
  await expect(buildTemporal(processes, cachedTemporalBinary(env), env)).rejects.toMatchObject({
    tryThis:
      "install the Temporal CLI (https://docs.temporal.io/cli) or Go (https://go.dev/dl), then run this again",
  });
});
