// The little of RFC 6455 that the proxy needs: the unmasked frames that servers send.

const TEXT = 1;
const FINAL = 0x80;

/** Cuts a server's bytes into frames. Messages in several frames are passed on as they are. */
export class FrameReader {
  handshakeDone = false;
  readonly #onFrame: (text: string | undefined, frame: Buffer) => void;
  #buffer = Buffer.alloc(0);

  /** `onFrame` gets the text of a text message, undefined for any other frame, and the frame itself. */
  constructor(onFrame: (text: string | undefined, frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const size = frameSize(this.#buffer);
      if (size === undefined || this.#buffer.length < size.header + size.payload) return;
      const frame = this.#buffer.subarray(0, size.header + size.payload);
      this.#buffer = this.#buffer.subarray(frame.length);
      const isText = frame[0] === (FINAL | TEXT);
      this.#onFrame(isText ? frame.subarray(size.header).toString("utf8") : undefined, frame);
    }
  }
}

function frameSize(
  buffer: Buffer,
): { readonly header: number; readonly payload: number } | undefined {
  if (buffer.length < 2) return undefined;
  const short = (buffer[1] ?? 0) & 0x7f;
  if (short < 126) return { header: 2, payload: short };
  if (short === 126)
    return buffer.length < 4 ? undefined : { header: 4, payload: buffer.readUInt16BE(2) };
  return buffer.length < 10
    ? undefined
    : { header: 10, payload: Number(buffer.readBigUInt64BE(2)) };
}

/** A text message as a server sends it. */
export function encodeText(text: string): Buffer {
  const payload = Buffer.from(text, "utf8");
  const header =
    payload.length < 126
      ? Buffer.from([FINAL | TEXT, payload.length])
      : payload.length < 65_536
        ? Buffer.from([FINAL | TEXT, 126, payload.length >> 8, payload.length & 255])
        : Buffer.concat([Buffer.from([FINAL | TEXT, 127]), Buffer.alloc(8)]);
  if (payload.length >= 65_536) header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}
