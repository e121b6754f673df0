import { AppError } from "../errors.ts";
import type { ParaClientOptions, ParaEnvironment } from "./types.ts";

/** API bases by environment, as `getBaseUrl` of @getpara/core-sdk 2.18 has them. */
const API_URLS: Readonly<Record<ParaEnvironment, string>> = {
  dev: "http://localhost:8080/",
  sandbox: "https://api.sandbox.getpara.com/",
  beta: "https://api.beta.getpara.com/",
  prod: "https://api.getpara.com/",
};

/**
 * Base URL of the API with a trailing slash.
 * @throws AppError when the key belongs to another environment: the SDK lets the prefix of the key
 *   win over the environment, so that the SDK and the token check would talk to different hosts.
 */
export function apiBase(
  options: Pick<ParaClientOptions, "environment" | "apiKey" | "apiUrl">,
): string {
  const prefix = /^([a-z]+)_/i.exec(options.apiKey)?.[1]?.toLowerCase();
  if (prefix !== undefined && prefix !== options.environment) {
    throw misconfigured(
      `the Para API key does not belong to the environment "${options.environment}"; its prefix must be "${options.environment}_"`,
    );
  }
  const base = options.apiUrl ?? API_URLS[options.environment];
  return base.endsWith("/") ? base : `${base}/`;
}

function misconfigured(message: string): AppError {
  return new AppError({ kind: "refuse", code: "para_configuration", message, status: 500 });
}
