import { createPrivateKey } from "node:crypto";
import { existsSync } from "node:fs";
import { getAddress, isAddress, parseUnits, Wallet } from "ethers";
import { z } from "zod";
import type { PayloadKeys } from "./codec.ts";
import { CRASH_POINTS, type CrashAt } from "./crash.ts";
import { parseAuthSig } from "./lit/auth-sig.ts";
import { pkpAddress } from "./lit/pkp.ts";
import { Secret } from "./secret.ts";
import type { SealingKey } from "./sealing.ts";

// How the text of one variable becomes a value. Each parser throws an Error whose message ends the sentence
// "<VARIABLE> …".

const LIT_NETWORKS = ["datil-dev", "datil-test", "datil", "custom", "chipotle"] as const;
const RETIRED_LIT_NETWORKS = [
  "serrano",
  "jalapeno",
  "cayenne",
  "manzano",
  "habanero",
  "naga",
  "naga-dev",
  "naga-test",
  "naga-staging",
  "naga-local",
  "naga-proto",
];

export function fail(problem: string): never {
  throw new Error(problem);
}

export function integer(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      fail(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

export function urlOf(protocols: readonly string[]) {
  return (text: string): string => {
    const parsed = URL.parse(text);
    if (parsed === null || !protocols.includes(parsed.protocol))
      fail(`must be a URL that begins with ${protocols.map((one) => `${one}//`).join(" or ")}`);
    return text;
  };
}

export function list<T>(parse: (text: string) => T) {
  return (text: string): readonly T[] =>
    text
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "")
      .map(parse);
}

export function oneOf<const T extends string>(values: readonly T[]) {
  return (text: string): T =>
    values.find((one) => one === text) ?? fail(`must be one of ${values.join(", ")}`);
}

export const text = (value: string): string => value;
export const secret = (value: string): Secret => new Secret(value);

export function secretOfLength(minCharacters: number) {
  return (value: string): Secret => {
    if (value.length < minCharacters)
      fail(`must have at least ${minCharacters} characters, this one has ${value.length}`);
    return new Secret(value);
  };
}

export function address(value: string): string {
  if (!isAddress(value))
    fail(
      "must be an Ethereum address (0x and 40 hexadecimal digits, with a right checksum if it has capitals)",
    );
  return getAddress(value);
}

export function privateKey(value: string): Secret {
  try {
    void new Wallet(value).address;
  } catch {
    fail("must be a private key (0x and 64 hexadecimal digits); several are separated by commas");
  }
  return new Secret(value);
}

export function litNetwork(value: string): (typeof LIT_NETWORKS)[number] {
  if (RETIRED_LIT_NETWORKS.includes(value))
    fail(`the Lit network "${value}" has been shut down; use one of ${LIT_NETWORKS.join(", ")}`);
  return oneOf(LIT_NETWORKS)(value);
}

/** The key whose signature opens the door: an uncompressed public key, or (chipotle) an address. */
export function pkpKey(value: string): string {
  if (pkpAddress(value) === undefined)
    fail("must be an uncompressed public key (04 and 128 hexadecimal digits), or an address");
  return value;
}

/** A wallet's signature as Lit's SDK makes it, as JSON. */
export function litAuthSig(value: string): Secret {
  if (parseAuthSig(value) === undefined)
    fail("must be JSON with sig, derivedVia, signedMessage and address, as Lit's SDK makes it");
  return new Secret(value);
}

/** A CID of version 0, as IPFS and Lit name an action. */
export function actionCid(value: string): string {
  if (!/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(value))
    fail("must be an IPFS CID of version 0 (Qm and 44 characters)");
  return value;
}

/** `<id>:<base64 of 32 bytes>`; the first key encrypts, all of them decrypt. */
export function encryptionKey(value: string): SealingKey {
  const [id, encoded, ...rest] = value.split(":");
  if (
    id === undefined ||
    !/^[\w-]{1,32}$/.test(id) ||
    encoded === undefined ||
    rest.length > 0 ||
    Buffer.from(encoded, "base64").length !== 32
  ) {
    fail("must be <key id>:<32 bytes in base64>, newest first, separated by commas");
  }
  return { id, key: new Secret(encoded) };
}

/**
 * Encryption keys, the first of which seals payloads. `plain` in front of them writes payloads unsealed while the keys open
 * what is sealed: for the time in which some processes do not have the keys yet, or sealing ends.
 */
export function payloadKeys(value: string): PayloadKeys {
  const entries = list(text)(value);
  const plain = entries[0] === "plain";
  const opening = (plain ? entries.slice(1) : entries).map(encryptionKey);
  if (opening.length === 0) fail("names no key");
  if (new Set(opening.map((key) => key.id)).size < opening.length)
    fail("names two keys alike: what one sealed, the other would be tried on");
  return { sealing: plain ? undefined : opening[0], opening };
}

export function jitsiSecret(value: string): Secret {
  if (value.startsWith("-----BEGIN")) {
    try {
      createPrivateKey(value.replaceAll("\\n", "\n"));
    } catch {
      fail("begins like a PEM but is not a readable private key (PKCS8)");
    }
    return new Secret(value.replaceAll("\\n", "\n"));
  }
  return secretOfLength(32)(value);
}

export const cron = (value: string): string =>
  z
    .string()
    .regex(/^\S+(\s+\S+){4}$/)
    .safeParse(value).success
    ? value
    : fail("must be a cron expression with five fields");

const FEE_KINDS = ["end", "mint", "settle", "cancel"] as const;

/** The least priority fee, in gwei per gas; in wei afterwards. */
export function leastTip(value: string): bigint {
  if (!/^\d{1,5}(\.\d{1,9})?$/.test(value)) fail("must be a number of gwei below 100000");
  return parseUnits(value, "gwei");
}

/** `100` for every kind of transaction, or `end:500,mint:200,…`, in gwei per gas; in wei afterwards. */
export function feeCaps(value: string): Readonly<Record<(typeof FEE_KINDS)[number], bigint>> {
  const wei = (gwei: string): bigint => {
    if (!/^\d{1,9}(\.\d{1,9})?$/.test(gwei) || Number(gwei) === 0)
      fail("must hold positive numbers of gwei");
    return parseUnits(gwei, "gwei");
  };
  const parts = list(text)(value);
  if (parts.length === 1 && !value.includes(":")) {
    const cap = wei(parts[0] ?? "");
    return { end: cap, mint: cap, settle: cap, cancel: cap };
  }
  const caps = new Map<string, bigint>();
  for (const part of parts) {
    const [name = "", gwei = ""] = part.split(":");
    if (!FEE_KINDS.some((one) => one === name))
      fail(`must name ${FEE_KINDS.join(", ")}, or give one number for all`);
    if (caps.has(name)) fail(`names ${name} twice`);
    caps.set(name, wei(gwei));
  }
  const missing = FEE_KINDS.filter((kind) => !caps.has(kind));
  if (missing.length > 0) fail(`lacks ${missing.join(", ")}`);
  const of = (kind: (typeof FEE_KINDS)[number]): bigint => caps.get(kind) ?? fail(`lacks ${kind}`);
  return { end: of("end"), mint: of("mint"), settle: of("settle"), cancel: of("cancel") };
}

/** A host name alone: links and claims are made of it. */
export function hostName(value: string): string {
  if (!/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i.test(value))
    fail("must be a host name alone, without https:// and without a path");
  return value;
}

/** Where pages are: their names are put behind it. */
export function pageBase(value: string): string {
  const url = urlOf(["http:", "https:"])(value);
  if (/[?#]/.test(url)) fail("must end with a path: without ? and #");
  return url;
}

const QUOTAS = ["read", "write", "auth", "integration", "refused"] as const;

/** `read:600,write:60,…`: how many requests of each kind one caller may send in a minute. */
export function quotas(value: string): Readonly<Record<(typeof QUOTAS)[number], number>> {
  const given = list(text)(value).map((part) => part.split(":"));
  const of = (name: (typeof QUOTAS)[number]): number => {
    const [found, ...others] = given.filter(([one]) => one === name);
    if (found === undefined) return fail(`lacks ${name}`);
    if (others.length > 0) return fail(`names ${name} twice`);
    return integer(1, 10_000_000)(found[1] ?? "");
  };
  const stranger = given.find(([name]) => !QUOTAS.some((one) => one === name));
  if (stranger !== undefined) fail(`must name ${QUOTAS.join(", ")}`);
  return {
    read: of("read"),
    write: of("write"),
    auth: of("auth"),
    integration: of("integration"),
    refused: of("refused"),
  };
}

/** A text of this shape, which `shape` tells people. */
export function shaped(pattern: RegExp, shape: string) {
  return (value: string): string => (pattern.test(value) ? value : fail(`must be ${shape}`));
}

/** A file that is there. */
export function file(path: string): string {
  if (!existsSync(path)) fail("names a file that is not there");
  return path;
}

/** `<point>[:<pass>]`, see crash.ts. */
export function crashAt(value: string): CrashAt {
  const [name, pass = "1"] = value.split(":");
  const point = CRASH_POINTS.find((one) => one === name);
  if (point === undefined) fail(`must name one of ${CRASH_POINTS.join(", ")}`);
  return { point, pass: integer(1, 1_000_000)(pass) };
}
