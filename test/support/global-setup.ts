import { startBroker } from "./broker.ts";
import type { Broker } from "./broker.ts";
import { BROKER_VARIABLE } from "./stack.ts";

declare global {
  var testBroker: Broker | undefined;
}

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function setUp(): Promise<void> {
  globalThis.testBroker = await startBroker();
  process.env[BROKER_VARIABLE] = globalThis.testBroker.url;
}
