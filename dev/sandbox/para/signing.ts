import { SigningKey } from "ethers";
import { z } from "zod";
import type { Route, SandboxAnswer, SandboxRequest } from "../http.ts";
import type { ParaStore, SandboxSession } from "./store.ts";

/** Wraps a route of the client SDK: it gets the session of the request's cookie. */
export type WithKey = (
  handle: (request: SandboxRequest, session: SandboxSession | undefined) => SandboxAnswer,
) => (request: SandboxRequest) => SandboxAnswer;

const preSign = z.object({ message: z.base64(), protocolId: z.uuid() });
const computation = z.object({ protocolId: z.uuid(), walletId: z.string(), share: z.string() });

/**
 * Signing with a Para wallet, as the SDK does it: it downloads a worker script from the portal and runs it; the worker asks
 * the API for leave (`/messages/sign`, with the session) and then signs together with Para's half of the key. The two halves
 * and the network between them are one request here: the share must be the person's, and Para's half is the key itself.
 */
export function signingRoutes(store: ParaStore, withKey: WithKey, apiUrl: string): Route[] {
  /** What may be signed, once, by the id the worker chose. */
  const allowed = new Map<string, { readonly walletId: string; readonly digest: Buffer }>();
  return [
    {
      method: "GET",
      path: "/static/js/mpcWorkerServer-bundle.js",
      handle: () => ({
        status: 200,
        html: workerScript(apiUrl),
      }),
    },
    {
      method: "POST",
      path: "/users/:userId/wallets/:walletId/messages/sign",
      handle: withKey(({ params, text }, session) => {
        const user = session?.active === true ? store.user(session.userId) : undefined;
        const { userId, walletId = "" } = params;
        if (user === undefined || user.userId !== userId || user.walletId !== walletId)
          return { status: 403, body: { message: "forbidden" } };
        const { message, protocolId } = preSign.parse(JSON.parse(text));
        const digest = Buffer.from(message, "base64");
        if (digest.length !== 32)
          return { status: 400, body: { message: "an EVM wallet signs 32 bytes" } };
        allowed.set(protocolId, { walletId, digest });
        return { status: 200, body: {} };
      }),
    },
    {
      method: "POST",
      path: "/__mpc/sign",
      handle: ({ text }) => {
        const { protocolId, walletId, share } = computation.parse(JSON.parse(text));
        const one = allowed.get(protocolId);
        const user = store.userByWallet(walletId);
        if (one?.walletId !== walletId || user?.share !== share)
          return { status: 403, body: { message: "forbidden" } };
        allowed.delete(protocolId);
        const { r, s, yParity } = new SigningKey(user.privateKey).sign(one.digest);
        const signature = `${r.slice(2)}${s.slice(2)}0${yParity}`;
        return { status: 200, body: { signature } };
      },
    },
  ];
}

/** Plain JavaScript: the SDK evaluates it in a worker thread of whoever signs. */
function workerScript(apiUrl: string): string {
  return `
const { parentPort } = require("node:worker_threads");
const { randomUUID } = require("node:crypto");
const api = ${JSON.stringify(apiUrl)};
async function post(path, body, headers) {
  const response = await fetch(api + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error("the sandbox answered " + response.status);
  return response.json();
}
async function run({ functionType, params, apiKey, sessionCookie }) {
  if (functionType === "INIT") return {};
  if (functionType !== "SIGN_MESSAGE") throw new Error("the sandbox cannot " + functionType);
  const { userId, walletId, share, message } = params;
  const protocolId = randomUUID();
  const path = "/users/" + userId + "/wallets/" + walletId + "/messages/sign";
  const headers = { "x-external-api-key": apiKey, "x-capsule-sid": sessionCookie };
  await post(path, { message, scheme: null, cosmosSignDoc: null, protocolId }, headers);
  return post("/__mpc/sign", { protocolId, walletId, share });
}
parentPort.on("message", async (message) => {
  // An error that leaves the worker rejects what the SDK is waiting for.
  parentPort.postMessage({ ...(await run(message)), workId: message.workId });
});
`;
}
