import { z } from "zod";
import { refused } from "../errors.ts";

/** An exported session is 2–4 KB; with a signing share about 20 KB. */
const MAX_CHARS = 64 * 1024;

const walletIds = z.partialRecord(
  z.enum(["EVM", "SOLANA", "COSMOS"]),
  z.array(z.string().max(128)).max(50),
);

const exportedSession = z.object({
  userId: z.string().min(1).max(128),
  // An HTTP header value: a line break would start another header.
  sessionCookie: z
    .string()
    .min(1)
    .max(8192)
    .regex(/^[\x21-\x7e]+$/),
  authInfo: z.object({
    authType: z.string().max(64),
    identifier: z.string().max(320),
    auth: z.record(z.string().max(64), z.string().max(320)),
  }),
  wallets: z.record(
    z.string().max(128),
    z.object({
      id: z.string().max(128),
      type: z.enum(["EVM", "SOLANA", "COSMOS"]),
      address: z.string().max(256).optional(),
    }),
  ),
  currentWalletIds: walletIds.optional(),
});

/**
 * Checks an exported session (base64 of JSON, `exportSession` of the client SDK) and rewrites it to
 * what an import needs. The person's key share, if it was exported, is left behind: verifying needs
 * no share, and what is never loaded cannot leak. External wallets are left behind too, because
 * with them the SDK calls a session active without asking Para.
 * @throws AppError refuse 400 `para_session_malformed`; the message never repeats the text.
 */
export function readExportedSession(exported: string): string {
  if (exported.length === 0 || exported.length > MAX_CHARS) {
    throw malformed(
      exported.length === 0 ? "it is empty" : `it is longer than ${MAX_CHARS} characters`,
    );
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(exported)) throw malformed("it is not base64");
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(exported, "base64").toString("utf8"));
  } catch {
    throw malformed("it does not hold JSON");
  }
  const parsed = exportedSession.safeParse(decoded);
  if (!parsed.success) throw malformed("fields are missing or of the wrong type");
  const session = {
    ...parsed.data,
    currentWalletIds: parsed.data.currentWalletIds ?? {},
    externalWallets: {},
  };
  return Buffer.from(JSON.stringify(session)).toString("base64");
}

function malformed(why: string): Error {
  return refused(
    "para_session_malformed",
    `This is not an exported Para session: ${why}. Send the text of waitAndExportSession() as it is.`,
    400,
  );
}
