import "./global-setup.ts";

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function tearDown(): Promise<void> {
  await globalThis.testBroker?.close();
}
