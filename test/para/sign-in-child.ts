// node test/para/sign-in-child.ts '{"apiUrl", "apiKey", "session", "walletId", "message"}': signs a message with a Para wallet by
// the real SDK, and prints the signature. A process of its own: the SDK keeps a worker for ever, and reaches its portal by a
// fixed name, which leads to the sandbox here as a name server's entry would.
import { Para } from "@getpara/server-sdk";
import { getBytes, hashMessage } from "ethers";
import { z } from "zod";

const { apiUrl, apiKey, session, walletId, message } = z
  .object({
    apiUrl: z.string(),
    apiKey: z.string(),
    session: z.string(),
    walletId: z.string(),
    message: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));

const PORTAL = "https://app.beta.getpara.com";
const original = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  return original(url.startsWith(PORTAL) ? apiUrl + url.slice(PORTAL.length) : input, init);
};

const para = new Para(apiKey);
const http = z
  .object({ baseRequest: z.custom<{ defaults: object }>((value) => typeof value === "function") })
  .parse({ baseRequest: Reflect.get(para.ctx.client, "baseRequest") });
Object.assign(http.baseRequest.defaults, { baseURL: `${apiUrl}/` });
await para.importSession(session);
const messageBase64 = Buffer.from(getBytes(hashMessage(message))).toString("base64");
const result = await para.signMessage({ walletId, messageBase64 });
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
