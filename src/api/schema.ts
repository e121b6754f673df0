import { isAddress } from "ethers";
import { z } from "zod";
import { checksummed } from "../chain/checksum.ts";

/** Shapes that several resources share. */

export const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .meta({
    id: "Address",
    maxLength: 42,
    description: "Ethereum address with its checksum",
    examples: ["0x5FbDB2315678afecb367f032d93F642f64180aa3"],
  });

/** An address in a request: any case, a wrong checksum refused; lower-case from here on, as in the database. */
export const AddressInput = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be 0x and 40 hexadecimal digits")
  .refine((text) => isAddress(text), "the checksum of the address is wrong")
  .transform((text) => text.toLowerCase())
  .meta({
    description: "Ethereum address; capitals must be a right checksum",
    maxLength: 42,
    examples: ["0x5FbDB2315678afecb367f032d93F642f64180aa3"],
  });

export const Hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .meta({ id: "Hash", maxLength: 66, description: "32 bytes, lower-case hexadecimal" });

export const HashInput = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "must be 0x and 64 hexadecimal digits")
  .meta({ maxLength: 66 })
  .transform((text) => text.toLowerCase());

export const Wei = z
  .string()
  .regex(/^\d{1,78}$/)
  .meta({
    id: "Wei",
    maxLength: 78,
    description: "Amount in wei, decimal",
    examples: ["1000000000000000000"],
  });

export const Time = z.iso
  .datetime({ offset: false })
  .meta({ id: "Time", description: "RFC 3339 in UTC", examples: ["2026-11-22T19:56:38.000Z"] });

/** The on-chain id; uint256. */
export const AuctionId = z
  .string()
  .regex(/^(0|[1-9]\d{0,77})$/, "must be a decimal auction id")
  .meta({ maxLength: 78, description: "The on-chain id, decimal", examples: ["42"] });

export const MeetingId = z.uuid();

export const AuctionParams = z.strictObject({ id: AuctionId });
export const MeetingParams = z.strictObject({ id: MeetingId });

/** An ECDSA signature, or what a contract wallet takes for one. */
export const SignatureInput = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2}){1,4096}$/, "must be 0x and an even number of hexadecimal digits")
  .meta({ maxLength: 8_194 });

const Cursor = z.string().min(1).max(512);
export const NextCursor = Cursor.nullable().meta({ description: "null on the last page" });

export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;

/** Paging parameters of every list. */
export const PageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_PAGE_SIZE))
    .optional()
    .meta({
      description: "Items per page, 1 to 100; 20 if not given",
      override: {
        type: "integer",
        format: "int32",
        minimum: 1,
        maximum: MAX_PAGE_SIZE,
        default: DEFAULT_PAGE_SIZE,
      },
    }),
  cursor: Cursor.optional().meta({ description: "`nextCursor` of the page before" }),
});

/** A page: `nextCursor` is null on the last one. */
export function page<S extends z.ZodType>(item: S, id: string) {
  return z
    .strictObject({ data: z.array(item).max(MAX_PAGE_SIZE), nextCursor: NextCursor })
    .meta({ id });
}

/** The body of a status that has none. */
export const NoBody = z.undefined();

/** An address as answers show it. */
export { checksummed };

export function checksummedOrNull(address: string | null): string | null {
  return address === null ? null : checksummed(address);
}

export function timeOrNull(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
