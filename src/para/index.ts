import { apiBase } from "./environment.ts";
import { readExportedSession } from "./exported-session.ts";
import { createJwtVerifier } from "./jwt.ts";
import { importSession } from "./session.ts";
import { verifyToken } from "./token.ts";
import type { ParaClient, ParaClientOptions } from "./types.ts";

export type * from "./types.ts";

/**
 * The client of Para, which tells who a person is. Wire protocol: docs.getpara.com, server guides.
 * @throws AppError `para_configuration` when the API key belongs to another environment.
 */
export function createParaClient(options: ParaClientOptions): ParaClient {
  const { environment, apiKey, secretApiKey, timeoutMs } = options;
  const base = apiBase(options);
  const verifyJwt = createJwtVerifier({ apiBase: base, audience: options.jwtAudience, timeoutMs });
  return {
    verifyToken: (token) => verifyToken({ apiBase: base, secretApiKey, timeoutMs }, token),
    importSession: async (given) => {
      const exported = readExportedSession(given);
      const importer = { environment, apiKey, apiBase: base, timeoutMs, verifyJwt };
      return { ...(await importSession(importer, exported)), exported };
    },
  };
}
