// The manifests as kustomize puts them together, judged by the schemas of Kubernetes and by what each role needs.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { API, AUCTION_WORKER, CHAIN_WORKER, COMMON, MEETINGS } from "../../src/config-variables.ts";
import { OF_IMAGE } from "./compose.ts";
import { testWith } from "./tools.ts";

const kustomizeTest = testWith("kustomize");

const Reference = z.object({ name: z.string() });
const Container = z.looseObject({
  args: z.array(z.string()),
  envFrom: z
    .array(z.object({ configMapRef: Reference.optional(), secretRef: Reference.optional() }))
    .optional(),
  securityContext: z.unknown(),
});
const Resource = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  data: z.record(z.string(), z.string()).optional(),
  spec: z.unknown().optional(),
});
const PodSpec = z.looseObject({ containers: z.array(Container).length(1) });
const Workload = z.looseObject({ template: z.looseObject({ spec: PodSpec }) });

let manifests = "";
let resources: z.infer<typeof Resource>[] = [];
beforeAll(() => {
  if (kustomizeTest !== test) return;
  const folder = join(repositoryRoot, "deploy/kubernetes/example");
  manifests = execFileSync("kustomize", ["build", folder], { encoding: "utf8" });
  resources = parseAllDocuments(manifests).map((one) => Resource.parse(one.toJSON()));
});

function podOf(name: string): z.infer<typeof PodSpec> {
  const found = resources.find(
    (one) => ["Deployment", "Job"].includes(one.kind) && one.metadata.name === name,
  );
  return Workload.parse(found?.spec).template.spec;
}

/** Names of the variables that a workload's container gets, and the secrets they come from. */
function environmentOf(name: string): { variables: Set<string>; secrets: Set<string> } {
  const [container] = podOf(name).containers;
  const secrets = (container?.envFrom ?? []).flatMap((one) => one.secretRef?.name ?? []);
  const sources = (container?.envFrom ?? []).map(
    (one) => (one.configMapRef ?? one.secretRef)?.name,
  );
  const variables = sources.flatMap((source) =>
    Object.keys(resources.find((one) => one.metadata.name === source)?.data ?? {}),
  );
  return { variables: new Set(variables), secrets: new Set(secrets) };
}

/** What envconfig reads beside our own variables. */
const OF_TEMPORAL = "TEMPORAL_API_KEY";
const ROLES = {
  api: { ...COMMON, ...MEETINGS, ...API },
  "auction-worker": { ...COMMON, ...MEETINGS, ...AUCTION_WORKER },
  "chain-worker": { ...COMMON, ...CHAIN_WORKER },
};

kustomizeTest.each(Object.entries(ROLES))(
  "%s gets the variables of its role and no others",
  (name, role) => {
    const wanted = Object.keys(role).filter((variable) => !OF_IMAGE.has(variable));
    expect(environmentOf(name).variables).toEqual(new Set([...wanted, OF_TEMPORAL]));
    expect(podOf(name).containers[0]?.args).toEqual(["src/main.ts", `--role=${name}`]);
  },
);

kustomizeTest(
  "the platform's key is in one secret, and that reaches the chain worker alone",
  () => {
    const holders = resources.filter((one) => one.data?.["PLATFORM_PRIVATE_KEY"] !== undefined);
    expect(holders.map((one) => one.kind)).toEqual(["Secret"]);
    const [secret] = holders;
    const users = Object.keys(ROLES).filter((name) =>
      environmentOf(name).secrets.has(secret?.metadata.name ?? ""),
    );
    expect(users).toEqual(["chain-worker"]);
  },
);

kustomizeTest(
  "each part knows its own login of the database, and the migrations alone the owner",
  () => {
    const logins = [...Object.keys(ROLES), "migrate"].map((name) => {
      const holder = resources.find(
        (one) => environmentOf(name).secrets.has(one.metadata.name) && one.data?.["DATABASE_URL"],
      );
      const url = Buffer.from(holder?.data?.["DATABASE_URL"] ?? "", "base64").toString();
      return new URL(url).username;
    });
    expect(logins).toEqual(["auction_api", "auction_worker", "chain_worker", "owner"]);
  },
);

const Serving = z.looseObject({
  terminationGracePeriodSeconds: z.number(),
  containers: z
    .array(
      z.looseObject({
        readinessProbe: z.looseObject({
          httpGet: z.object({ path: z.string(), port: z.string() }),
        }),
        startupProbe: z.looseObject({ httpGet: z.object({ path: z.string() }) }),
        lifecycle: z
          .object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) })
          .optional(),
      }),
    )
    .length(1),
});
/** Longer the product never takes to stop (src/run-process.ts). */
const SHUTDOWN_S = 12;

kustomizeTest(
  "the API serves while a part is away, and until nobody is sent to it any more",
  () => {
    const { containers, terminationGracePeriodSeconds } = Serving.parse(podOf("api"));
    expect(containers[0]?.readinessProbe.httpGet).toEqual({ path: "/healthz", port: "metrics" });
    const sleepS = containers[0]?.lifecycle?.preStop.sleep.seconds ?? 0;
    expect(sleepS).toBeGreaterThanOrEqual(3);
    expect(terminationGracePeriodSeconds).toBeGreaterThan(sleepS + SHUTDOWN_S);
    // /healthz answers from the first second on: a pod that still waits for Temporal takes no requests, and no rollout goes on.
    for (const name of ["api", "auction-worker", "chain-worker"])
      expect(Serving.parse(podOf(name)).containers[0]?.startupProbe.httpGet.path).toBe("/startedz");
    for (const name of ["auction-worker", "chain-worker"])
      expect(Serving.parse(podOf(name)).containers[0]?.readinessProbe.httpGet.path).toBe("/readyz");
  },
);

kustomizeTest("nothing runs with rights, and nothing writes where it runs", () => {
  for (const name of [...Object.keys(ROLES), "migrate"])
    expect(podOf(name)).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    });
});

testWith("kubeconform")("every manifest is one that Kubernetes takes", () => {
  const schemas = process.env["KUBERNETES_SCHEMAS"] ?? "";
  if (schemas === "") throw new Error("KUBERNETES_SCHEMAS must name the folder of the schemas");
  const location = join(schemas, "{{.ResourceKind}}{{.KindSuffix}}.json");
  const output = execFileSync(
    "kubeconform",
    ["-strict", "-summary", "-output", "json", "-schema-location", location, "-"],
    { encoding: "utf8", input: manifests },
  );
  const { summary } = z
    .object({ summary: z.record(z.string(), z.number()) })
    .parse(JSON.parse(output));
  expect(summary).toEqual({ valid: resources.length, invalid: 0, errors: 0, skipped: 0 });
});
