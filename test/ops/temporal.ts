// The Temporal server of a stage: a namespace of the one that all test files share, or a server of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../dev/stack/ports.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";
import { getTestTemporal } from "../support/stack.ts";

export interface StageTemporal {
  readonly address: string;
  readonly namespace: string;
  /** Of an own server: ends it and starts one in its place that knows nothing. */
  restart?(this: void): Promise<void>;
  stop?(this: void): Promise<void>;
}

export const sharedTemporal = (): Promise<StageTemporal> => getTestTemporal();

/** In memory, and empty: the worker registers what it needs. */
export async function startOwnTemporal(): Promise<StageTemporal> {
  const { temporal: port, temporalHttp: httpPort } = await freePorts();
  const logDir = mkdtempSync(join(tmpdir(), "meeting-auction-temporal-"));
  const processes = createProcesses({ logDir });
  processes.removeIfKilled(logDir);
  let server = await startTemporal({ processes, port, httpPort });
  return {
    address: server.address,
    namespace: "default",
    async restart() {
      await server.process?.stop();
      server = await startTemporal({ processes, port, httpPort });
    },
    async stop() {
      await processes.stopAll();
      rmSync(logDir, { recursive: true, force: true });
    },
  };
}
