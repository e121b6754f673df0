import { z } from "zod";
import { startServer } from "../http.ts";
import type { SandboxServer } from "../http.ts";
import { derive } from "../seed.ts";
import { EventSync } from "./event-sync.ts";
import { meetingRoutes } from "./meeting-routes.ts";
import type { Context } from "./meeting-routes.ts";
import { Refusals } from "./refusals.ts";
import { release } from "./reservations.ts";
import type { Reservation, ReservationClient } from "./reservations.ts";
import { Rooms } from "./rooms.ts";

export interface JitsiSandboxOptions {
  /** 0: any free port. */
  readonly port: number;
  /** The backend; without it (or before `POST /__sandbox/config`) any room may be made and events go nowhere. */
  readonly apiUrl?: string;
  readonly appId?: string;
  /** `app_secret`. */
  readonly secret?: string;
  /** What the key server of `asap_key_server` gives, instead of an app secret: public keys (PEM) of room tokens by `kid`. */
  readonly roomKeys?: ReadonlyMap<string, string>;
  /** What Prosody sends the backend as bearer token. */
  readonly integrationSecret?: string;
  readonly seed?: string;
  /** `api_prefix` of event_sync with `/events`, below `apiUrl`. */
  readonly eventsPath?: string;
  /** Prosody's waits between tries, milliseconds: 3000 there and by default. */
  readonly retryDelayMs?: number;
  /** How often rooms are checked for the end of their reservation, milliseconds: 60,000 in Prosody. */
  readonly expiryCheckMs?: number;
  /** How long a refused reservation is repeated without asking, milliseconds: 30,000 in Prosody and by default. */
  readonly refusalMemoryMs?: number;
  /**
   * What the key server of `prosody_password_public_key_repo_url` gives: public keys (PEM) by `kid`. Then only these open
   * /end-meeting, and /kick-participant is there. With an app secret neither takes any token: see TokenRules.
   */
  readonly adminKeys?: ReadonlyMap<string, string>;
}

export interface JitsiSandbox extends SandboxServer {
  /** What the backend under test is configured with. */
  readonly config: {
    readonly domain: string;
    readonly url: string;
    readonly appId: string;
    readonly secret: string;
    readonly integrationSecret: string;
    readonly adminUrl: string;
  };
  setApiUrl(apiUrl: string | undefined): void;
  /** Settles when all that has happened so far has been told to the backend. */
  flush(): Promise<void>;
}

const EVENTS_PATH = "/api/integrations/jitsi/events";
const EXPIRY_CHECK_MS = 60_000;

/** A Jitsi Meet whose Prosody checks tokens, asks for reservations and reports who is there; meetings are pretended. */
export async function startJitsiSandbox(options: JitsiSandboxOptions): Promise<JitsiSandbox> {
  const seed = options.seed ?? "jitsi sandbox";
  const secretOf = (name: string): string => derive(seed, name).toString("base64url");
  const {
    appId = "meeting-auction",
    secret = secretOf("app secret"),
    integrationSecret = secretOf("integration"),
    retryDelayMs = 3000,
  } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let apiUrl = options.apiUrl;
  const setApiUrl = (url: string | undefined): void => void (apiUrl = url?.replace(/\/+$/, ""));
  setApiUrl(options.apiUrl);

  const events = new EventSync({
    url: () => (apiUrl === undefined ? undefined : `${apiUrl}${options.eventsPath ?? EVENTS_PATH}`),
    integrationSecret,
    retryDelayMs,
    signal,
  });
  /** Reservations that are being given back. */
  const underWay = new Set<Promise<void>>();
  const flush = async (): Promise<void> => {
    await events.flush();
    await Promise.all(underWay);
  };
  const build = (domain: string): Context => {
    const reservations = (): ReservationClient | undefined =>
      apiUrl === undefined
        ? undefined
        : { apiUrl, integrationSecret, xmppDomain: domain, retryDelayMs, signal };
    const onDestroyed = (reservation: Reservation | undefined): void => {
      const client = reservations();
      if (client === undefined || reservation === undefined) return;
      const releasing = release(client, reservation.id).finally(() => underWay.delete(releasing));
      underWay.add(releasing);
    };
    const rules = { appId, key: options.roomKeys ?? secret, xmppDomain: domain };
    const expectsSharedSecret = options.roomKeys === undefined;
    return {
      rules,
      adminRules: { ...rules, key: options.adminKeys ?? rules.key, expectsSharedSecret },
      canKick: options.adminKeys !== undefined,
      refusals,
      rooms: new Rooms({ events, xmppDomain: domain, onDestroyed }),
      reservations,
    };
  };

  const configAt = (url: string): JitsiSandbox["config"] => ({
    domain: new URL(url).host,
    url,
    appId,
    secret,
    integrationSecret,
    adminUrl: url,
  });
  const refusals = new Refusals(options.refusalMemoryMs);
  let rooms: Rooms | undefined;
  const server = await startServer(options.port, ({ url }) => {
    const context = build(new URL(url).host);
    rooms = context.rooms;
    return [
      {
        method: "GET",
        path: "/__sandbox/config",
        handle: () => ({ status: 200, body: { ...configAt(url), apiUrl } }),
      },
      {
        method: "POST",
        path: "/__sandbox/config",
        handle: (request) => (
          setApiUrl(z.object({ apiUrl: z.url() }).parse(JSON.parse(request.text)).apiUrl),
          { status: 204 }
        ),
      },
      {
        method: "POST",
        path: "/__sandbox/flush",
        handle: async () => (await flush(), { status: 204 }),
      },
      ...meetingRoutes(context),
    ];
  });
  const expiry = setInterval(() => {
    rooms?.destroyExpired();
    refusals.evict();
  }, options.expiryCheckMs ?? EXPIRY_CHECK_MS);
  expiry.unref();
  return {
    ...server,
    config: configAt(server.url),
    setApiUrl,
    flush,
    stop: async () => {
      clearInterval(expiry);
      stopping.abort();
      await server.stop();
      await flush();
    },
  };
}
