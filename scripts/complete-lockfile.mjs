// Completes package-lock.json after `npm install` ran behind a registry that does not serve the
// binaries of other platforms: npm then leaves those optional packages out of the lock file, and
// `npm ci` refuses a lock file without them. The entries added here carry what npm needs to skip
// them (os, cpu, libc) and to fetch them on the platform they are for.
// Usage: node scripts/complete-lockfile.mjs
import { readFileSync, writeFileSync } from "node:fs";

const OS = ["linux", "darwin", "win32", "freebsd", "android", "openharmony"];
const CPU = {
  x64: "x64",
  amd64: "x64",
  arm64: "arm64",
  ia32: "ia32",
  ppc64: "ppc64",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
  arm: "arm",
};

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    const words = name.split(/[^a-z0-9]+/);
    const os = OS.find((one) => words.includes(one));
    const cpu = Object.entries(CPU).find(([word]) => words.includes(word));
    if (
      lock.packages[key] !== undefined ||
      os === undefined ||
      cpu === undefined ||
      !/^\d/.test(version)
    )
      continue;
    lock.packages[key] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
      cpu: [cpu[1]],
      ...(words.includes("musl")
        ? { libc: ["musl"] }
        : words.includes("gnu")
          ? { libc: ["glibc"] }
          : {}),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`package-lock.json: ${added} optional platform packages added\n`);
