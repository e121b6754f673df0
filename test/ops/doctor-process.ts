// `npm run ops`, with a doctor who waits only a second for a part that does not answer.
import { runOps } from "../../src/ops/command-line.ts";

await runOps({ checkMs: 1_000 });
