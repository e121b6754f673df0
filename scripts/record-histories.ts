// Records the histories that test/replay checks every change of the workflows against:
//
//     node scripts/record-histories.ts [scenario ...]
//
// Name the scenarios that are new: what was recorded with older code shows that the code of today still finishes what that
// began. Record one again only when no process that runs the old code is left anywhere.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../dev/stack/paths.ts";
import { freePorts } from "../dev/stack/ports.ts";
import { createProcesses } from "../dev/stack/processes.ts";
import { startTemporal } from "../dev/stack/temporal.ts";
import { SEARCH_ATTRIBUTE_TYPES } from "../src/workflows/search-attributes.ts";
import { historyToJson, type Recorded } from "../test/histories/json.ts";
import { SCENARIOS } from "../test/histories/scenarios.ts";
import { createWorld } from "../test/workflows/world.ts";

const target = join(repositoryRoot, "test/histories");
const folder = mkdtempSync(join(tmpdir(), "meeting-auction-record-"));
const processes = createProcesses({ logDir: folder });
processes.removeIfKilled(folder);

try {
  const { temporal: port, temporalHttp: httpPort } = await freePorts();
  const { address } = await startTemporal({
    processes,
    port,
    httpPort,
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
  });
  const world = await createWorld({ address, namespace: "default" });
  await world.startWorkers();
  const wanted = process.argv.slice(2);
  for (const [scenario, play] of Object.entries(SCENARIOS)) {
    if (wanted.length > 0 && !wanted.includes(scenario)) continue;
    for (const [name, handle] of Object.entries(await play(world))) {
      const history = historyToJson(await handle.fetchHistory());
      const file = `${scenario}.${name}.json`;
      const recorded: Recorded = { workflowId: handle.workflowId, history };
      writeFileSync(join(target, file), `${JSON.stringify(recorded, null, 2)}\n`);
      process.stdout.write(`${file}\n`);
    }
  }
  await world.close();
} finally {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
}
