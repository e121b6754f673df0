import { z } from "zod";
import type { Route } from "../http.ts";
import { type Context, readObject } from "./context.ts";
import { addressOf, exportSession } from "./store.ts";

const newUser = z.union([
  z.object({ email: z.string().includes("@") }),
  z.object({
    authType: z.enum(["email", "phone", "farcaster", "telegram", "externalWallet"]),
    identifier: z.string().min(1),
    oAuthMethod: z.string().optional(),
  }),
]);
const userOptions = z.object({
  privateKey: z.string().optional(),
  /** Whether the exported session holds the person's share, as it does unless a client asks otherwise. */
  withSigner: z.boolean().default(false),
  sessionMs: z.number().int().positive().optional(),
});
const keyTrouble = z.object({ named: z.boolean().default(false) });
const apiKeyState = z.object({ revoked: z.boolean() });

/** What the sandbox alone has: people who are signed in on the spot, and everything that can go wrong, on demand. */
export function controlRoutes(context: Context): Route[] {
  const { store, keys } = context;
  const changing = (
    path: string,
    change: { readonly expiresAtMs?: number; readonly active?: boolean },
  ): Route => ({
    method: "POST",
    path,
    handle: (request) =>
      store.changeSession(String(readObject(request.text)["verificationToken"]), change)
        ? { status: 204 }
        : { status: 404, body: { message: "no such session" } },
  });
  return [
    {
      method: "POST",
      path: "/__sandbox/users",
      handle: (request) => {
        const body = readObject(request.text);
        const given = newUser.safeParse(body);
        if (!given.success)
          return { status: 400, body: { message: "give an email, or authType and identifier" } };
        const { privateKey, withSigner, sessionMs } = userOptions.parse(body);
        const { data } = given;
        const identity =
          "email" in data
            ? { authType: "email", identifier: data.email.trim().toLowerCase() }
            : {
                authType: data.authType,
                identifier: data.identifier,
                ...(data.oAuthMethod === undefined ? {} : { oAuthMethod: data.oAuthMethod }),
              };
        const user = store.upsertUser(identity, privateKey);
        const session = store.openSession(user, sessionMs);
        const { partnerId } = context;
        return {
          status: 201,
          body: {
            userId: user.userId,
            walletId: user.walletId,
            address: addressOf(user),
            privateKey: user.privateKey,
            verificationToken: session.lookupId,
            session: exportSession(user, session, { partnerId, withSigner }),
          },
        };
      },
    },
    changing("/__sandbox/sessions/expire", { expiresAtMs: 0 }),
    changing("/__sandbox/sessions/deactivate", { active: false }),
    changing("/__sandbox/sessions/activate", { active: true }),
    {
      method: "POST",
      path: "/__sandbox/keys/rotate",
      handle: () => (keys.rotate(), { status: 204 }),
    },
    {
      method: "POST",
      path: "/__sandbox/keys/lose",
      handle: ({ text }) => {
        keys.loseKey(keyTrouble.parse(readObject(text)).named);
        return { status: 204 };
      },
    },
    {
      method: "POST",
      path: "/__sandbox/api-keys",
      handle: ({ text }) => {
        context.revoked = apiKeyState.parse(readObject(text)).revoked;
        return { status: 204 };
      },
    },
  ];
}
