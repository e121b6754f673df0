import { connect, createServer, type Server } from "node:net";
import { StackError } from "./errors.ts";
import { portHolder } from "./port-holder.ts";

/** Everything the local stack listens on, always on 127.0.0.1 only. */
export const PORTS = {
  api: { port: 5000, what: "the API", env: "PORT", flag: "port" },
  postgres: { port: 54329, what: "Postgres", env: "DEV_POSTGRES_PORT", flag: "postgres-port" },
  temporal: { port: 7233, what: "Temporal", env: "DEV_TEMPORAL_PORT", flag: "temporal-port" },
  temporalHttp: {
    port: 7243,
    what: "the HTTP API of Temporal",
    env: "DEV_TEMPORAL_HTTP_PORT",
    flag: "temporal-http-port",
  },
  temporalUi: {
    port: 8233,
    what: "the Temporal Web UI",
    env: "DEV_TEMPORAL_UI_PORT",
    flag: "temporal-ui-port",
  },
  anvil: { port: 8545, what: "the local chain (anvil)", env: "DEV_ANVIL_PORT", flag: "anvil-port" },
  para: { port: 5101, what: "the Para sandbox", env: "DEV_PARA_PORT", flag: "para-port" },
  lit: { port: 5102, what: "the Lit sandbox", env: "DEV_LIT_PORT", flag: "lit-port" },
  jitsi: { port: 5103, what: "the Jitsi sandbox", env: "DEV_JITSI_PORT", flag: "jitsi-port" },
  apiMetrics: {
    port: 9464,
    what: "the metrics of the API",
    env: "DEV_API_METRICS_PORT",
    flag: "api-metrics-port",
  },
  workerMetrics: {
    port: 9465,
    what: "the metrics of the worker",
    env: "DEV_WORKER_METRICS_PORT",
    flag: "worker-metrics-port",
  },
} as const;

export type PortName = keyof typeof PORTS;
export type Ports = Readonly<Record<PortName, number>>;

const NAMES = Object.keys(PORTS).filter((name): name is PortName => name in PORTS);

/** The default ports, changed by the environment and then by the flags (`--anvil-port 8600`). */
export function choosePorts(
  flags: Readonly<Record<string, string | boolean | undefined>> = {},
  env: NodeJS.ProcessEnv = process.env,
): Ports {
  const ports = defaultPorts();
  for (const name of NAMES) {
    const { env: variable, flag } = PORTS[name];
    const given = flags[flag] ?? env[variable];
    if (given === undefined || given === "") continue;
    const source = flags[flag] === undefined ? variable : `--${flag}`;
    ports[name] = Number(given);
    if (!Number.isInteger(ports[name]) || ports[name] < 1 || ports[name] > 65535) {
      throw new StackError(`${source}=${String(given)} is not a port`, {
        tryThis: `${source}=${PORTS[name].port}`,
      });
    }
  }
  return ports;
}

/** The flags of choosePorts as `parseArgs` options. */
export function portFlags(): Record<string, { type: "string" }> {
  return Object.fromEntries(NAMES.map((name) => [PORTS[name].flag, { type: "string" }]));
}

/** Outside the range that the system gives to outgoing connections. */
const FIRST_FREE = 20_000;
const END_FREE = 32_000;
/** One port for each part, and before them one that claims the others. */
const BLOCK = NAMES.length + 1;

/**
 * A set of ports nobody listens on, and which no other call gives, in this process or in another, for as long as this process runs.
 * Whoever was given ports listens on them only seconds later, so "nobody listens" does not mean "free": listening on a block's
 * first port claims the block.
 */
export async function freePorts(): Promise<Ports> {
  const blocks = Math.floor((END_FREE - FIRST_FREE) / BLOCK);
  const start = Math.floor(Math.random() * blocks);
  for (let tried = 0; tried < blocks; tried += 1) {
    const first = FIRST_FREE + ((start + tried) % blocks) * BLOCK;
    const claim = await listenOn(first);
    if (claim === undefined) continue;
    const ports = defaultPorts();
    for (const [index, name] of NAMES.entries()) ports[name] = first + 1 + index;
    const taken = await Promise.all(Object.values(ports).map(isTaken));
    if (!taken.includes(true)) {
      claim.unref();
      return ports;
    }
    claim.close();
  }
  throw new StackError(`no ${NAMES.length} ports in a row are free from ${FIRST_FREE} on`, {
    tryThis: "stop what holds them, or choose the ports with flags (--help names them)",
  });
}

/** One port nobody listens on. */
export async function freePort(): Promise<number> {
  return (await freePorts()).api;
}

/** Fails, naming every taken port at once: what it is for, who holds it, and how to choose another. */
export async function checkPorts(ports: Ports, names: readonly PortName[] = NAMES): Promise<void> {
  const problems: string[] = [];
  const seen = new Map<number, PortName>();
  for (const name of names) {
    const { what, env, flag } = PORTS[name];
    const twin = seen.get(ports[name]);
    seen.set(ports[name], name);
    if (twin !== undefined) {
      problems.push(`port ${ports[name]} is chosen twice: for ${PORTS[twin].what} and for ${what}`);
    } else if (await isTaken(ports[name])) {
      const holder = portHolder(ports[name]);
      const who = holder === undefined ? "another program" : holder;
      problems.push(
        `port ${ports[name]} for ${what} is held by ${who}; choose another with --${flag} N or ${env}=N`,
      );
    }
  }
  if (problems.length > 0) {
    throw new StackError(problems.join("\n"), {
      tryThis:
        "stop the program that holds the port, choose the ports named above, or add --free-ports to take any that are free",
    });
  }
}

/** Whether anything listens on this port of 127.0.0.1, or holds it for every address. */
export async function isTaken(port: number): Promise<boolean> {
  if (!(await canListen(port))) return true;
  // Some systems let 127.0.0.1 be bound beside a listener on all addresses, so ask for an answer too.
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function canListen(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** A server on this port, which it alone may listen on; undefined when the port is taken. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

function defaultPorts(): Record<PortName, number> {
  return {
    api: PORTS.api.port,
    postgres: PORTS.postgres.port,
    temporal: PORTS.temporal.port,
    temporalHttp: PORTS.temporalHttp.port,
    temporalUi: PORTS.temporalUi.port,
    anvil: PORTS.anvil.port,
    para: PORTS.para.port,
    lit: PORTS.lit.port,
    jitsi: PORTS.jitsi.port,
    apiMetrics: PORTS.apiMetrics.port,
    workerMetrics: PORTS.workerMetrics.port,
  };
}
