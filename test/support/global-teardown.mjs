import { once } from "node:events";

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function tearDown() {
  const broker = globalThis.testBroker;
  if (broker === undefined || broker.exitCode !== null) return;
  const exit = once(broker, "exit");
  broker.stdin.end();
  await exit;
}
