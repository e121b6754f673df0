import type { ApiConfig } from "../config.ts";

/**
 * The host (and port) that signed texts name: that of the first frontend, which is the page a person sees when their
 * wallet shows them the text.
 */
export function serviceDomain(config: Pick<ApiConfig, "FRONTEND_URL">): string {
  const [first] = config.FRONTEND_URL;
  if (first === undefined) throw new Error("FRONTEND_URL is empty");
  return new URL(first).host;
}
