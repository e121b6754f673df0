import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { promisify, types } from "node:util";
import { brotliDecompress, unzip } from "node:zlib";
import { refused } from "../errors.ts";

const DECODERS = {
  gzip: promisify(unzip),
  deflate: promisify(unzip),
  br: promisify(brotliDecompress),
} as const;

const isKnown = (encoding: string): encoding is keyof typeof DECODERS =>
  Object.hasOwn(DECODERS, encoding);

/**
 * A request whose body is not compressed any more: the given one when it never was, or is in an encoding that the parser refuses. Not
 * left to the parser, which lets go of the stream that inflates when the body gets too long: what that finds wrong afterwards is heard
 * by nobody, and ends the process.
 * @throws AppError refuse 413 `body_too_large`, 400 `body_malformed`
 */
export async function inflated(
  request: IncomingMessage,
  limitBytes: number,
): Promise<IncomingMessage> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (!isKnown(encoding)) return request;
  const compressed = await readAll(request, limitBytes);
  const bytes = await DECODERS[encoding](compressed, { maxOutputLength: limitBytes }).catch(
    (error: unknown) => {
      const code = types.isNativeError(error) && "code" in error ? error.code : undefined;
      throw code === "ERR_BUFFER_TOO_LARGE" ? tooLarge() : damaged();
    },
  );
  const { "content-encoding": _, "transfer-encoding": __, ...headers } = request.headers;
  return Object.assign(Readable.from([bytes]), {
    headers: { ...headers, "content-length": String(bytes.length) },
  }) as unknown as IncomingMessage;
}

const tooLarge = (): Error =>
  refused("body_too_large", "the body is larger than this route takes", 413);

const damaged = (): Error =>
  refused(
    "body_malformed",
    "the body cannot be read as its Content-Type and Content-Encoding say",
    400,
  );

function readAll(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (act: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      act();
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= limitBytes) return;
      request.pause();
      settle(() => reject(tooLarge()));
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    // Whoever sent it is gone in the middle of it.
    const onClose = (): void => settle(() => reject(damaged()));
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    // Node's own, so that a broken connection is not a defect of ours; "close" follows.
    request.on("error", () => undefined);
  });
}
