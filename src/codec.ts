import type { Payload, PayloadCodec } from "@temporalio/common";
import proto from "@temporalio/proto";
import {
  AUTH_TAG_BYTES,
  IV_BYTES,
  type Sealed,
  sealBytes,
  type SealingKey,
  unsealBytes,
} from "./sealing.ts";

const { Payload: PayloadProto } = proto.temporal.api.common.v1;

/** What TEMPORAL_PAYLOAD_KEYS says: the key that new payloads are sealed with, none to write them plain, and all that open. */
export interface PayloadKeys {
  readonly sealing: SealingKey | undefined;
  readonly opening: readonly SealingKey[];
}

export const NO_PAYLOAD_KEYS: PayloadKeys = { sealing: undefined, opening: [] };

/** As Temporal's own examples of encryption name it, in every language. */
const ENCODING = "binary/encrypted";
const KEY_ID = "encryption-key-id";
/** What a sealed payload is bound to: bytes that were sealed for something else are none. */
const CONTEXT = "temporal-payload";

/**
 * Seals what workflows and activities are given and answer, so that the Temporal server, its database and its backups hold
 * ciphertext: AES-256-GCM over the whole payload, its encoding included. Decoding takes whatever is in a history: plain
 * payloads of before it was switched on, and those of every key that is still given. Search attributes, workflow ids and the
 * messages of failures are no payloads: they stay readable, and hold nothing personal.
 */
export function createPayloadCodec({ sealing, opening }: PayloadKeys): PayloadCodec {
  const keys = new Map(opening.map((key) => [key.id, key]));
  return {
    encode: async (payloads) =>
      sealing === undefined ? payloads : payloads.map((one) => sealPayload(one, sealing)),
    decode: async (payloads) => payloads.map((one) => openPayload(one, keys)),
  };
}

function sealPayload(payload: Payload, key: SealingKey): Payload {
  const { iv, ciphertext, authTag } = sealBytes(
    key,
    PayloadProto.encode(payload).finish(),
    CONTEXT,
  );
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      "encryption-cipher": Buffer.from("AES-256-GCM"),
      [KEY_ID]: Buffer.from(key.id),
    },
    data: Buffer.concat([iv, ciphertext, authTag]),
  };
}

/** @throws Error when the key is not given, or anything was changed */
function openPayload(payload: Payload, keys: ReadonlyMap<string, SealingKey>): Payload {
  const { metadata, data } = payload;
  if (textOf(metadata?.["encoding"]) !== ENCODING) return payload;
  const keyId = textOf(metadata?.[KEY_ID]);
  const key = keys.get(keyId);
  if (key === undefined)
    throw new Error(
      `a payload is sealed with the key ${keyId}, which is not among TEMPORAL_PAYLOAD_KEYS`,
    );
  return PayloadProto.decode(unsealBytes(key, partsOf(keyId, Buffer.from(data ?? [])), CONTEXT));
}

function partsOf(keyId: string, data: Buffer): Sealed {
  if (data.length < IV_BYTES + AUTH_TAG_BYTES)
    throw new Error(`a payload that names the key "${keyId}" is too short to be sealed`);
  return {
    keyId,
    iv: data.subarray(0, IV_BYTES),
    ciphertext: data.subarray(IV_BYTES, data.length - AUTH_TAG_BYTES),
    authTag: data.subarray(data.length - AUTH_TAG_BYTES),
  };
}

const textOf = (bytes: Uint8Array | null | undefined): string =>
  Buffer.from(bytes ?? []).toString();
