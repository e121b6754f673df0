// `npm run ops`: what operators look at and do. `-- --help` lists the commands.
import { runOps } from "./command-line.ts";

await runOps();
