import { z } from "zod";

const authSig = z.object({
  sig: z.string().min(1),
  derivedVia: z.string(),
  signedMessage: z.string(),
  address: z.string(),
  algo: z.string().optional(),
});

/** A wallet's signature as Lit passes it around. */
export interface AuthSig {
  readonly sig: string;
  readonly derivedVia: string;
  readonly signedMessage: string;
  readonly address: string;
  readonly algo?: string;
}

/** A signature as Lit's SDK makes it, from JSON; undefined when the text is none. */
export function parseAuthSig(text: string): AuthSig | undefined {
  try {
    const { algo, ...rest } = authSig.parse(JSON.parse(text));
    return algo === undefined ? rest : { ...rest, algo };
  } catch {
    return undefined;
  }
}
