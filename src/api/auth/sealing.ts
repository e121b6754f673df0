import type { ApiConfig } from "../../config.ts";
import { type Sealed, sealBytes, unsealBytes } from "../../sealing.ts";

export type { Sealed };

type Keys = ApiConfig["ENCRYPTION_KEYS"];

/** Encrypts with the newest key, bound to `owner`: moved to another owner's row, it no longer opens. */
export function seal(keys: Keys, plaintext: string, owner: string): Sealed {
  const [newest] = keys;
  if (newest === undefined) throw new Error("there is no encryption key");
  return sealBytes(newest, Buffer.from(plaintext, "utf8"), owner);
}

/** Opens what `seal` made, with whichever key it names. @throws Error when the key is gone or anything was changed. */
export function unseal(keys: Keys, sealed: Sealed, owner: string): string {
  const key = keys.find((one) => one.id === sealed.keyId);
  if (key === undefined)
    throw new Error(`the encryption key ${sealed.keyId} is not among ENCRYPTION_KEYS`);
  return unsealBytes(key, sealed, owner).toString("utf8");
}
