// A bare socket.io server: everybody who connects is in one room, and what its parent says is broadcast there. The floor that the
// product's sockets are measured against. Run as a process of its own (child_process.fork).
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";

/** What the parent sends: so many envelopes of that type and payload. */
export interface Broadcast {
  readonly type: string;
  readonly count: number;
  readonly envelope: object;
}

const server = createServer();
const io = new Server(server, { serveClient: false });
io.on("connection", (socket) => {
  void socket.join("room");
  socket.emit("ready", { seq: 0 });
});
process.on("message", ({ type, count, envelope }: Broadcast) => {
  for (let n = 0; n < count; n += 1) io.to("room").emit(type, { ...envelope, seq: n });
});
process.on("disconnect", () => process.exit(0));
server.listen(0, "127.0.0.1", () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
