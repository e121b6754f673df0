// `npm run codec`: makes sealed payloads readable in the Temporal Web UI and for the Temporal CLI. It runs where an operator is,
// holds the keys, and answers nobody else: docs/operations.md#payloads.
import { ConfigError, loadCodecConfig } from "./config.ts";
import { messageOf } from "./errors.ts";
import { createCodecServer } from "./codec-http.ts";

try {
  const config = loadCodecConfig();
  if (config.TEMPORAL_PAYLOAD_KEYS === undefined)
    throw new ConfigError([
      {
        variable: "TEMPORAL_PAYLOAD_KEYS",
        problem: "is missing: nothing is sealed without it",
        example: "the same as the workers have",
      },
    ]);
  const { CODEC_HOST: host, CODEC_PORT: port, TEMPORAL_UI_URL: uiUrl } = config;
  const server = createCodecServer({
    keys: config.TEMPORAL_PAYLOAD_KEYS,
    ...(uiUrl === undefined ? {} : { origin: new URL(uiUrl).origin }),
    ...(config.CODEC_TOKEN === undefined ? {} : { token: config.CODEC_TOKEN }),
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const at = server.address();
  const given = typeof at === "object" && at !== null ? at.port : port;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${given}`;
  process.stdout.write(
    `the codec server is at ${url}\n  Web UI: data encoder settings, remote codec endpoint ${url}${uiUrl === undefined ? " (TEMPORAL_UI_URL is unset: no browser is answered)" : ""}\n  CLI: temporal workflow show --codec-endpoint ${url} …\n`,
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      server.close();
      server.closeAllConnections();
    });
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `npm run codec failed: ${messageOf(error)}`}\n`,
  );
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
