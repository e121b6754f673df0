import { spawn } from "node:child_process";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { createInterface } from "node:readline";
import {
  checkPorts,
  choosePorts,
  freePort,
  freePorts,
  isTaken,
  PORTS,
} from "../../dev/stack/ports.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function hold(port: number, host: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
}

test("a taken port names itself, what it is for, who holds it and how to choose another", async () => {
  const ports = await freePorts();
  await Promise.all([hold(ports.postgres, "127.0.0.1"), hold(ports.anvil, "127.0.0.1")]);
  const failure = await checkPorts(ports).catch((error: unknown) => error);
  const message = failure instanceof Error ? failure.message : "";
  const lines = message.split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain(`port ${ports.postgres} for Postgres is held by `);
  expect(lines[0]).toContain("choose another with --postgres-port N or DEV_POSTGRES_PORT=N");
  expect(lines[1]).toContain(`port ${ports.anvil} for the local chain (anvil)`);
  expect(message).toContain(`(process ${process.pid})`);
});

test("a port held for all addresses counts as taken", async () => {
  const port = await freePort();
  expect(await isTaken(port)).toBe(false);
  await hold(port, "0.0.0.0");
  expect(await isTaken(port)).toBe(true);
});

test("one port for two parts is refused", async () => {
  const ports = await freePorts();
  await expect(checkPorts({ ...ports, lit: ports.para })).rejects.toThrow(
    `port ${ports.para} is chosen twice: for the Para sandbox and for the Lit sandbox`,
  );
});

test("free ports are free and differ", async () => {
  const ports = await freePorts();
  expect(new Set(Object.values(ports)).size).toBe(Object.keys(PORTS).length);
  await expect(checkPorts(ports)).resolves.toBeUndefined();
});

test("a flag wins over the environment, and the environment over the default", () => {
  const env = { PORT: "5001", DEV_ANVIL_PORT: "8600" };
  const ports = choosePorts({ "anvil-port": "8700" }, env);
  expect(ports).toMatchObject({ api: 5001, anvil: 8700, postgres: 54_329 });
});

test.each(["0", "65536", "no", "80.5"])("%s is no port", (text) => {
  expect(() => choosePorts({}, { DEV_LIT_PORT: text })).toThrow(
    `DEV_LIT_PORT=${text} is not a port`,
  );
  expect(() => choosePorts({ "lit-port": text }, {})).toThrow(`--lit-port=${text} is not a port`);
});

test("no port is given twice, to this process or to another, before anybody listens on it", async () => {
  const url = new URL("../../dev/stack/ports.ts", import.meta.url).href;
  const program = `const { freePorts } = await import(${JSON.stringify(url)});
    for (let set = 0; set < 100; set += 1) console.log(Object.values(await freePorts()).join("\\n"));
    process.stdin.resume();`;
  const others = [1, 2].map(() =>
    spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  const wanted = 100 * Object.keys(PORTS).length;
  try {
    const given = await Promise.all(
      others.map(async ({ stdout }) => {
        const ports: string[] = [];
        for await (const line of createInterface({ input: stdout }))
          if (ports.push(line) === wanted) break;
        return ports;
      }),
    );
    for (let set = 0; set < 100; set += 1) given.push(Object.values(await freePorts()).map(String));
    expect(new Set(given.flat()).size).toBe(3 * wanted);
  } finally {
    for (const other of others) other.kill("SIGKILL");
  }
});
