import { z } from "zod";
import type { SandboxAnswer } from "../http.ts";
import type { ParaKeys } from "./keys.ts";
import type { ParaStore } from "./store.ts";

/** What the routes of the Para sandbox share. */
export interface Context {
  readonly store: ParaStore;
  readonly keys: ParaKeys;
  readonly apiKey: string;
  readonly secretApiKey: string;
  readonly partnerId: string;
  readonly jwtAudience: string;
  /** True while the app's keys are refused, as after somebody has revoked them in the portal. */
  revoked: boolean;
}

export function readObject(text: string): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(text === "" ? "{}" : text));
}

export function ok(body: unknown): SandboxAnswer {
  return { status: 200, body };
}

export function denied(): SandboxAnswer {
  return { status: 403, body: { message: "forbidden" } };
}
