import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "../../dev/stack/lock.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { startTimeOf } from "../../dev/stack/process-identity.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-lock-"));
});
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("a second holder is refused, and told who the first is and what to do", () => {
  const lock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(
    new RegExp(`in use by process ${process.pid}, since \\d{4}-`),
  );
  lock.release();
  const again = lockFolder(folder);
  expect(again.wasStale).toBe(false);
  again.release();
  expect(readdirSync(folder)).toEqual([]);
});

test("the lock of a holder that was killed is taken over", async () => {
  const program = `const { lockFolder } = await import(${JSON.stringify(join(repositoryRoot, "dev/stack/lock.ts"))});
    lockFolder(${JSON.stringify(folder)}); process.stdout.write("locked"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(holder);
  await once(holder.stdout, "data");
  expect(() => lockFolder(folder)).toThrow(`in use by process ${holder.pid}`);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = lockFolder(folder);
  expect(lock.wasStale).toBe(true);
  lock.release();
});

test("a process id that is in use again does not count as the holder", () => {
  expect(startTimeOf(process.pid)).toBeDefined();
  const holder = { pid: process.pid, startTime: "1", since: "2026-01-01T00:00:00Z", token: "old" };
  writeFileSync(join(folder, "lock"), JSON.stringify(holder));
  expect(lockFolder(folder).wasStale).toBe(true);
});

test("a lock cut short by a kill is taken over", () => {
  writeFileSync(join(folder, "lock"), '{"pid":');
  expect(lockFolder(folder).wasStale).toBe(true);
});

test("of many that find a stale lock at the same time, one gets it", async () => {
  writeFileSync(
    join(folder, "lock"),
    JSON.stringify({ pid: 1, startTime: "never", since: "", token: "old" }),
  );
  const program = `const { lockFolder } = await import(${JSON.stringify(join(repositoryRoot, "dev/stack/lock.ts"))});
    process.stdout.write("up"); process.stdin.once("data", () => {
      try { lockFolder(${JSON.stringify(folder)}); process.stdout.write(" got it"); } catch { process.stdout.write(" refused"); }
      process.stdin.once("data", () => process.exit());
    });`;
  const rivals = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  children.push(...rivals);
  await Promise.all(rivals.map((rival) => once(rival.stdout, "data")));
  const answers = rivals.map(async (rival) => String((await once(rival.stdout, "data"))[0]));
  for (const rival of rivals) rival.stdin.write("go");
  const said = (await Promise.all(answers)).toSorted();
  expect(said).toEqual([" got it", " refused", " refused", " refused"]);
});
