// A TCP proxy whose connections can fall silent: what was sent on them vanishes, and nothing is closed. So a load balancer or a
// NAT that forgot a connection behaves, and a host that lost its power.
import { connect, createServer, type Socket } from "node:net";

export interface DarkProxy {
  readonly host: string;
  readonly port: number;
  /** `url` with the proxy's address in the place of its own. */
  through(url: string): string;
  /** From now on the connections that are open carry nothing. New ones do. */
  goDark(): void;
  /** The ports from which the proxy is connected to the target, of connections that carry something. */
  readonly farPorts: readonly number[];
  /** How many connections were made so far. */
  readonly accepted: number;
  close(): Promise<void>;
}

/** Starts a proxy before `target`, which is "host:port" or a URL. */
export async function startDarkProxy(target: string): Promise<DarkProxy> {
  const { hostname, port } = new URL(target.includes("://") ? target : `tcp://${target}`);
  const pairs = new Set<{ near: Socket; far: Socket }>();
  let accepted = 0;

  const server = createServer((near) => {
    accepted += 1;
    const far = connect(Number(port), hostname);
    const pair = { near, far };
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const one of [near, far]) {
      one.on("error", () => undefined);
      one.on("close", () => {
        pairs.delete(pair);
        near.destroy();
        // The far side of a dark pair learns nothing, as its host would not.
        if (!dark.has(pair)) far.destroy();
      });
    }
  });
  const dark = new Set<{ near: Socket; far: Socket }>();
  const silence = (pair: { near: Socket; far: Socket }): void => {
    dark.add(pair);
    pair.near.unpipe(pair.far);
    pair.far.unpipe(pair.near);
    for (const one of [pair.near, pair.far]) one.resume();
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    host: "127.0.0.1",
    port: address.port,
    through(url) {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(address.port);
      return changed.href;
    },
    goDark() {
      for (const pair of pairs) silence(pair);
    },
    get farPorts() {
      const ports = [...pairs].filter((one) => !dark.has(one)).map(({ far }) => far.localPort);
      return ports.filter((one) => one !== undefined);
    },
    get accepted() {
      return accepted;
    },
    async close() {
      for (const { near, far } of [...pairs, ...dark]) {
        near.destroy();
        far.destroy();
      }
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
