import type { ParaClient, ParaClientOptions } from "./types.ts";

export type * from "./types.ts";

/** The client of Para: who a person is. */
export function createParaClient(_options: ParaClientOptions): ParaClient {
  throw new Error("not built yet");
}
