// docker-compose.yml as docker-compose itself reads it.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { repositoryRoot } from "../../dev/stack/paths.ts";

/** Variables that the image sets, and those for tests. */
export const OF_IMAGE: ReadonlySet<string> = new Set([
  "LOG_DIR",
  "METRICS_HOST",
  "METRICS_PORT",
  "WORKFLOW_BUNDLE",
  "CRASH_AT",
]);

export interface Service {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly (string | { readonly host_ip?: string })[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly restart?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly profiles?: readonly string[];
  /** Absent: the one of all. */
  readonly networks?: object;
}

/** The services for a `.env` with these lines. @throws the error of docker-compose, with what it printed */
export async function composeServices(
  env: Readonly<Record<string, string>>,
  profiles: readonly string[] = [],
): Promise<Record<string, Service>> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-compose-"));
  try {
    for (const part of ["docker-compose.yml", "deploy"])
      cpSync(join(repositoryRoot, part), join(folder, part), { recursive: true });
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(folder, ".env"), lines.join(""));
    const options = profiles.flatMap((one) => ["--profile", one]);
    const { stdout } = await promisify(execFile)("docker-compose", [...options, "config"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] },
    });
    return (parse(stdout) as { services: Record<string, Service> }).services;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
