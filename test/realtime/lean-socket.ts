// A socket.io client that costs next to nothing, so that thousands of them leave the machine to the server that is measured. It
// speaks WebSocket and the packets of socket.io by hand, understands text alone, and does not come back by itself.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

export interface LeanSocket {
  /** Ends the connection without a word, as a network does. */
  kill(): void;
  readonly closed: Promise<void>;
}

export interface LeanOptions {
  readonly port: number;
  readonly auth: object;
  /** Called with each packet of socket.io as text, such as `["bid-placed",{…}]`. */
  readonly onEvent: (json: string) => void;
  /** Called once when the connection is gone, whatever ended it. */
  readonly onClose?: () => void;
}

const TEXT = 1;
const CLOSE = 8;

/** A text frame as a client sends it: masked, here with zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x80 | TEXT;
  head[1] = 0x80 | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** Takes whole frames from the front of what has arrived, and returns what is left. */
function readFrames(data: Buffer, onFrame: (opcode: number, payload: Buffer) => void): Buffer {
  let at = 0;
  while (data.length - at >= 2) {
    const opcode = (data[at] ?? 0) & 0x0f;
    let length = (data[at + 1] ?? 0) & 0x7f;
    let head = 2;
    if (length === 126) {
      if (data.length - at < 4) break;
      length = data.readUInt16BE(at + 2);
      head = 4;
    } else if (length === 127) {
      if (data.length - at < 10) break;
      length = Number(data.readBigUInt64BE(at + 2));
      head = 10;
    }
    if (data.length - at < head + length) break;
    onFrame(opcode, data.subarray(at + head, at + head + length));
    at += head + length;
  }
  return data.subarray(at);
}

/** Connects to the server at 127.0.0.1. What it is told, a refusal included, goes to `onEvent`. */
export function leanSocket({ port, auth, onEvent, onClose }: LeanOptions): LeanSocket {
  const socket: Socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      onClose?.();
      resolve();
    }),
  );
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  let isUpgraded = false;
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!isUpgraded) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!rest.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101"))) {
        socket.destroy();
        return;
      }
      isUpgraded = true;
      rest = rest.subarray(end + 4);
    }
    rest = readFrames(rest, (opcode, payload) => {
      if (opcode === CLOSE) socket.destroy();
      if (opcode !== TEXT) return;
      // engine.io: 0 opened, 2 ping, 4 message; socket.io within a message: 0 connected, 2 event, 4 refused.
      const [engine, packet] = [payload[0], payload[1]];
      if (engine === 0x30) socket.write(frame(`40${JSON.stringify(auth)}`));
      else if (engine === 0x32) socket.write(frame("3"));
      else if (engine === 0x34 && packet === 0x32) onEvent(payload.toString("utf8", 2));
      else if (engine === 0x34 && packet === 0x34)
        onEvent(`["connect_error",${payload.toString("utf8", 2)}]`);
      else if (engine === 0x34 && packet === 0x31) socket.destroy();
    });
  });
  return { kill: () => void socket.destroy(), closed };
}
