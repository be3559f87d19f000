import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { dial } from "../../src/transport/dial.ts";
import { listen } from "../../src/transport/listen.ts";
import { FakeClock } from "../fake-clock.ts";

/** Something that listens on loopback and is no coordinator. */
async function stranger(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port, [Symbol.asyncDispose]: close };
}

test("says that nobody listens there", async () => {
  const listener = await listen({ host: "127.0.0.1", port: 0, onLink: () => undefined });
  await listener.close();
  await expect(dial({ url: `ws://127.0.0.1:${listener.port}/#hidden` })).rejects.toMatchObject({
    code: "ERR_CONNECT",
    message:
      `Cannot connect to 127.0.0.1:${listener.port}: nobody listens there (ECONNREFUSED). ` +
      "Check that the coordinator runs and that the address is right.",
  });
});

test.each([["wrong"], [undefined]])("says that the token %s is not accepted", async (token) => {
  await using listener = await listen({
    ...{ host: "127.0.0.1", port: 0, token: "right" },
    onLink: () => undefined,
  });
  const fragment = token === undefined ? "" : `#${token}`;
  const dialled = dial({ url: `ws://127.0.0.1:${listener.port}/${fragment}` });
  await expect(dialled).rejects.toMatchObject({
    code: "ERR_TOKEN_WRONG",
    message: expect.stringContaining("does not accept the token"),
  });
});

/** Servers of other kinds. */
const strangers: readonly (readonly [string, () => Server])[] = [
  ["a web server", () => createHttpServer((_request, response) => response.end("hello"))],
  [
    "a server of another protocol",
    () => createServer((socket) => socket.resume().end("220 mail.example\r\n")),
  ],
  ["a WebSocket server of another kind", webSocketStranger],
];

function webSocketStranger(): Server {
  const server = createHttpServer();
  new WebSocketServer({ server, handleProtocols: () => false });
  return server;
}

test.each(strangers)("says that %s is no smallinit coordinator", async (_name, make) => {
  await using server = await stranger(make());
  await expect(dial({ host: "127.0.0.1", port: server.port })).rejects.toMatchObject({
    code: "ERR_NOT_SMALLINIT",
    message: expect.stringContaining(`What listens at 127.0.0.1:${server.port} is no smallinit`),
  });
});

test("gives up on a server that does not answer", async () => {
  const clock = new FakeClock();
  const tcpServer = createServer();
  await using server = await stranger(tcpServer);
  const connected = once(tcpServer, "connection");
  const dialled = dial({ host: "127.0.0.1", port: server.port, timeoutMs: 3000, clock });
  await connected;
  clock.advance(3000);
  await expect(dialled).rejects.toMatchObject({
    code: "ERR_CONNECT_TIMEOUT",
    message: expect.stringContaining(`127.0.0.1:${server.port} did not answer within 3 s.`),
  });
});

test("refuses a token that cannot travel, before anything is sent", async () => {
  const dialled = dial({ host: "127.0.0.1", port: 1, token: "two words" });
  await expect(dialled).rejects.toMatchObject({ code: "ERR_TOKEN" });
});

test("sends with a zero mask on loopback, which is ten times as fast", async () => {
  const server = createHttpServer();
  await using open = await stranger(server);
  const firstBytes = new Promise<Buffer>((resolve) => {
    server.on("upgrade", (request, socket) => {
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash("sha1").update(key).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: smallinit\r\n\r\n`,
      );
      socket.once("data", (data: Buffer) => {
        resolve(data);
        socket.destroy();
      });
    });
  });
  const link = await dial({ host: "127.0.0.1", port: open.port });
  link.send({ type: "linked", generation: 1 });
  const data = await firstBytes;
  // Byte 1: masked, and a length below 126; then the mask; then "SIC1" as it is.
  expect((data[1] ?? 0) & 0x80).toBe(0x80);
  expect([...data.subarray(2, 6)]).toEqual([0, 0, 0, 0]);
  expect(data.subarray(6, 10).toString()).toBe("SIC1");
});
