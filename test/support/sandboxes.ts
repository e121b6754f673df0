import { startParaSandbox as startPara } from "../../dev/sandbox/para/server.ts";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";

/** Sandboxes inside the test process, on free ports; the caller stops them. */
export function startParaSandbox(): Promise<ParaSandbox> {
  return startPara({ port: 0 });
}
