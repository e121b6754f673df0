// A server that webhooks are sent to.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Message {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A user's server, which keeps what is posted to it; `answer` decides what it says to each message. */
export class Receiver {
  readonly got: Message[] = [];
  answer: (message: Message) => number | Promise<number> = () => 204;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const message = { headers: request.headers, body };
        this.got.push(message);
        void Promise.resolve(this.answer(message)).then((status) => {
          response.writeHead(status, status === 302 ? { location: `${this.url}/elsewhere` } : {});
          response.end("x".repeat(100));
        });
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
