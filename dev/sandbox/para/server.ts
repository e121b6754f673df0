import { startServer } from "../http.ts";
import type { SandboxServer } from "../http.ts";
import { derive, deriveUuid } from "../seed.ts";
import { apiRoutes } from "./api-routes.ts";
import { type Context, ok } from "./context.ts";
import { controlRoutes } from "./control-routes.ts";
import { ParaKeys } from "./keys.ts";
import { ParaStore } from "./store.ts";

export interface ParaSandboxOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Keys, ids and credentials depend on it alone. */
  readonly seed?: string;
  /** Keeps people and sessions across restarts. */
  readonly stateFile?: string;
}

export interface ParaSandbox extends SandboxServer {
  /** What the backend under test is configured with. */
  readonly config: {
    readonly environment: "beta";
    readonly apiKey: string;
    readonly secretApiKey: string;
    readonly jwtAudience: string;
    readonly apiUrl: string;
  };
}

/**
 * A Para that speaks the wire protocol of the real one to @getpara/server-sdk, with made-up people. Its control endpoint,
 * JSON over POST unless it says otherwise:
 *
 *     /__sandbox/users {email, privateKey?, withSigner?, sessionMs?}   signs somebody in; or {authType, identifier, oAuthMethod?}
 *     /__sandbox/sessions/expire|deactivate|activate {verificationToken}
 *     /__sandbox/keys/rotate            signs JWTs with a new key, published beside the old one
 *     /__sandbox/keys/lose {named?}     signs them with a key nobody knows, under its own id or that of a published one
 *     /__sandbox/api-keys {revoked}     refuses the app's keys, or takes them again
 *     /__sandbox/faults {path, mode, …} and DELETE: hangs, slow, broken and wrong answers (dev/sandbox/http.ts)
 *     GET /__sandbox/config             what a backend is configured with
 */
export async function startParaSandbox(options: ParaSandboxOptions): Promise<ParaSandbox> {
  const seed = options.seed ?? "para sandbox";
  const context: Context = {
    store: new ParaStore(seed, options.stateFile),
    keys: new ParaKeys(seed),
    apiKey: `beta_${derive(seed, "api key").toString("hex").slice(0, 32)}`,
    secretApiKey: `secret_${derive(seed, "secret api key").toString("hex").slice(0, 32)}`,
    partnerId: deriveUuid(seed, "partner"),
    jwtAudience: deriveUuid(seed, "audience"),
    revoked: false,
  };
  const { apiKey, secretApiKey, jwtAudience } = context;
  const configAt = (apiUrl: string): ParaSandbox["config"] => ({
    environment: "beta",
    apiKey,
    secretApiKey,
    jwtAudience,
    apiUrl,
  });
  const server = await startServer(options.port, ({ url }) => [
    ...apiRoutes(context, url),
    ...controlRoutes(context),
    { method: "GET", path: "/__sandbox/config", handle: () => ok(configAt(url)) },
  ]);
  return { ...server, config: configAt(server.url) };
}
