import { ConfigError } from "./config.ts";

/** Listens as `listen` does. @throws ConfigError, naming `variable`, when something else has the port */
export async function listening<T>(
  variable: string,
  at: { readonly host: string; readonly port: number },
  listen: () => Promise<T>,
): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE") throw error;
    const problem = `is taken: something else listens on ${at.host}:${at.port}`;
    throw new ConfigError([{ variable, problem, example: String(at.port + 1) }]);
  }
}
