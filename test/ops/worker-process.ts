// The worker as `npm start -- --role=worker` runs it, with waits that a test has shortened.
import { runProcess } from "../../src/run-process.ts";

const { TEST_TIMING = "{}" } = process.env;
await runProcess(JSON.parse(TEST_TIMING));
