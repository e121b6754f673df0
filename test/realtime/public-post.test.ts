// Messages to URLs that users give reach the public internet and nothing of ours, however the address is written.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { fc } from "../support/random.ts";
import { isPublicAddress } from "../../src/outside/public-address.ts";
import { postPublicly, type Resolve, urlRefusal } from "../../src/outside/public-post.ts";

const PRIVATE = [
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "100.127.255.255",
  "127.0.0.1",
  "127.255.0.9",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.8",
  "192.168.1.1",
  "198.18.0.1",
  "198.19.255.255",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "64:ff9b:1::1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "fc00::1",
  "fd12:3456::1",
  "fe80::1",
  "fec0::1",
  "ff02::1",
  "not an address",
  "",
];
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "172.32.0.1",
  "100.128.0.1",
  "2606:4700::1111",
  "2a00:1450::1",
];

test.each(PRIVATE)("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false));
test.each(PUBLIC)("%s is public", (address) => expect(isPublicAddress(address)).toBe(true));

test.each([
  "http://example.org/",
  "ftp://example.org/",
  "https://user@example.org/",
  "https://user:secret@example.org/",
  "https://example.org/#part",
  "https://localhost/",
  "https://metadata/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://017700000001/",
  "https://127.1/",
  "https://１２７.０.０.１/",
  "https://169.254.169.254/latest/meta-data",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[0:0:0:0:0:ffff:7f00:1]/",
  "https://[fe80::1]/",
  "nonsense",
  "",
])("%s is refused as it stands", (url) => expect(urlRefusal(url, "public")).toBeDefined());

test("every way to write an address within a private network is refused", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("127", "10", "0"),
      fc.nat(255),
      fc.nat(255),
      fc.nat(255),
      (a, b, c, d) => {
        const number = ((Number(a) * 256 + b) * 256 + c) * 256 + d;
        for (const host of [
          `${a}.${b}.${c}.${d}`,
          String(number),
          `0x${number.toString(16)}`,
          `0${number.toString(8)}`,
          `${a}.${b}.${c * 256 + d}`,
          `[::ffff:${a}.${b}.${c}.${d}]`,
        ])
          expect(urlRefusal(`https://${host}/`, "public")).toBeDefined();
      },
    ),
  );
});

const NOWHERE = "the host's name leads to no public address";

test("a name that there is not, and one of this network, are told in the same words", async () => {
  for (const code of ["ENOTFOUND", "EAI_AGAIN", "ESERVFAIL"]) {
    const resolve: Resolve = (_name, _options, done) =>
      done(Object.assign(new Error(`getaddrinfo ${code}`), { code }), []);
    const sent = postPublicly(
      "https://db.internal.example/",
      { headers: {}, body: "{}" },
      { reach: "public", timeoutMs: 5_000, resolve },
    );
    await expect(sent).rejects.toThrow(NOWHERE);
  }
});

test.each([
  "https://example.org/a b",
  " https://example.org/",
  "https://exa\nmple.org/",
  "https://example.org/\t",
  "https://example.org/\u0000",
])("a URL with blanks or control characters is refused: %j", (text) => {
  expect(urlRefusal(text, "public")).toBe("must not hold blanks or control characters");
});

test("a name that leads to our own machine is not connected to", async () => {
  let connections = 0;
  const server = createServer((_, response) => response.end()).on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const message = { headers: {}, body: "{}" };
  const options = { reach: "public", timeoutMs: 5_000 } as const;
  for (const addresses of [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::1"], []]) {
    const asked: string[] = [];
    const resolve: Resolve = (name, _, done) => {
      asked.push(name);
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    };
    const to = `https://rebound.example:${port}/`;
    await expect(postPublicly(to, message, { ...options, resolve })).rejects.toThrow(NOWHERE);
    // Looked up once: there is no second answer to be given another address in.
    expect(asked).toEqual(["rebound.example"]);
  }
  expect(connections).toBe(0);
  // The same server answers whoever may reach it.
  const local = { ...options, reach: "any" } as const;
  expect(await postPublicly(`http://127.0.0.1:${port}/`, message, local)).toBe(200);
  server.closeAllConnections();
  server.close();
});

test("an answer that would change the protocol, or ends in the middle, is none", async () => {
  const answers = [
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 204 No",
    "no HTTP at all\r\n\r\n",
  ];
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answers.shift() ?? ""));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const to = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  while (answers.length > 0)
    await expect(
      postPublicly(to, { headers: {}, body: "{}" }, { reach: "any", timeoutMs: 5_000 }),
    ).rejects.toThrow("no answer");
  server.close();
});
