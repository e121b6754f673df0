// How the product connects to Temporal, as its environment says.
import { afterEach, expect, test } from "@jest/globals";
import { connectTemporal, type Temporal } from "../src/temporal.ts";

const config = { TEMPORAL_ADDRESS: "127.0.0.1:7233", TEMPORAL_NAMESPACE: "default" } as const;
const before = { ...process.env };
const made: Temporal[] = [];
afterEach(async () => {
  process.env = { ...before };
  for (const { connection } of made.splice(0)) await connection.close();
});

function connectWith(variables: Readonly<Record<string, string>>): Temporal {
  Object.assign(process.env, variables);
  const temporal = connectTemporal(config as never);
  made.push(temporal);
  return temporal;
}

test.each([
  "TEMPORAL_API_KEY",
  "TEMPORAL_TLS",
  "TEMPORAL_TLS_CLIENT_CERT_PATH",
  "TEMPORAL_PROFILE",
])("%s= is as if it was not there", (name) => {
  const { options, how } = connectWith({ [name]: "" });
  expect(options.tls).toBeFalsy();
  expect(how).toBe("without TLS");
});

test("an API key means TLS, and that is said", () => {
  const { options, how } = connectWith({ TEMPORAL_API_KEY: "a key" });
  expect(options).toMatchObject({ tls: true, apiKey: "a key" });
  expect(how).toBe("with TLS, because TEMPORAL_API_KEY is set");
});
