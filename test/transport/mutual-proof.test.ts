import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import { dial } from "../../src/transport/dial.ts";
import { listen } from "../../src/transport/listen.ts";
import { newChallenge } from "../../src/transport/proof.ts";
import { webSocketTo } from "./caller.ts";

const TOKEN = "the-token-of-this-test";
const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

/** A listener that holds the token, and how many links it has made. */
async function honestListener() {
  const links: Link[] = [];
  const listener = await listen({
    ...{ host: "127.0.0.1", port: 0, token: TOKEN },
    onLink: (link) => {
      links.push(link);
      link.listen(deaf);
    },
  });
  return { links, port: listener.port, [Symbol.asyncDispose]: () => listener.close() };
}

async function portOf(server: Server): Promise<number> {
  server.on("connection", (socket) => socket.on("error", () => undefined));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Somebody who reads all that a caller and a listener say to one another. */
async function eavesdropperBefore(port: number) {
  const heard: { toListener: Buffer[]; toCaller: Buffer[] } = { toListener: [], toCaller: [] };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.on("data", (data) => heard.toListener.push(data)).pipe(far);
    far.on("data", (data) => heard.toCaller.push(data)).pipe(near);
    for (const each of [near, far]) each.on("error", () => undefined);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  return { heard, port: await portOf(server), [Symbol.dispose]: () => void server.close() };
}

describe("somebody who has read a call on the wire", () => {
  test("has not seen the token", async () => {
    await using listener = await honestListener();
    using wire = await eavesdropperBefore(listener.port);
    const link = await dial({ host: "127.0.0.1", port: wire.port, token: TOKEN });
    link.listen(deaf);
    const text = Buffer.concat([...wire.heard.toListener, ...wire.heard.toCaller]).toString();
    expect(text).toContain("Authorization: Smallinit nonce=");
    expect(text.toLowerCase()).toContain("authentication-info: proof=");
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(Buffer.from(TOKEN).toString("base64url"));
  });

  test("is refused when it says the same again", async () => {
    await using listener = await honestListener();
    using wire = await eavesdropperBefore(listener.port);
    const link = await dial({ host: "127.0.0.1", port: wire.port, token: TOKEN });
    link.listen(deaf);
    const upgrade = Buffer.concat(wire.heard.toListener).toString().split("\r\n\r\n")[1];
    expect(upgrade).toContain("Authorization");
    const ask = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const replay of [`${upgrade}\r\n\r\n`, `${ask}${upgrade}\r\n\r\n`]) {
      expect(await answerTo(listener.port, replay)).toMatch(/HTTP\/1\.1 401 Unauthorized\r\nConn/);
    }
    expect(listener.links).toHaveLength(1);
  });

  test("is not believed when it plays the listener's part again", async () => {
    await using listener = await honestListener();
    using wire = await eavesdropperBefore(listener.port);
    const link = await dial({ host: "127.0.0.1", port: wire.port, token: TOKEN });
    link.listen(deaf);
    const text = Buffer.concat(wire.heard.toCaller).toString();
    const header = (name: string) => new RegExp(`^${name}: (.*)\r$`, "im").exec(text)?.[1] ?? "";
    const impostor = impostorWith({
      challenge: header("www-authenticate"),
      proofFor: () => header("authentication-info"),
    });
    const dialled = dial({ host: "127.0.0.1", port: await portOf(impostor), token: TOKEN });
    await expect(dialled).rejects.toMatchObject({ code: "ERR_TOKEN_WRONG" });
    impostor.close();
  });
});

describe("a listener that holds no token", () => {
  test.each<[string, (request: IncomingMessage) => string | undefined]>([
    ["proves nothing", () => undefined],
    ["invents a proof", () => `proof="${"A".repeat(43)}"`],
    ["echoes the caller's", ({ headers }) => /proof=.*/.exec(headers.authorization ?? "")?.[0]],
  ])("and %s is named and told nothing", async (_name, proofFor) => {
    const heard: Buffer[] = [];
    const impostor = impostorWith({ challenge: newChallenge().text, proofFor, heard });
    const port = await portOf(impostor);
    await expect(dial({ host: "127.0.0.1", port, token: TOKEN })).rejects.toMatchObject({
      code: "ERR_TOKEN_WRONG",
      message: expect.stringContaining(
        `127.0.0.1:${port} lets this side in without proof that it holds the token`,
      ),
    });
    expect(Buffer.concat(heard)).toHaveLength(0);
    impostor.close();
  });

  test("and asks for none is not talked to by a caller with one", async () => {
    await using listener = await listen({ host: "127.0.0.1", port: 0, onLink: () => undefined });
    const { port } = listener;
    await expect(dial({ host: "127.0.0.1", port, token: TOKEN })).rejects.toMatchObject({
      code: "ERR_TOKEN_WRONG",
      message: expect.stringContaining(
        `127.0.0.1:${port} asks for no token, but this side has one`,
      ),
    });
  });

  test.each<[string, Server]>([
    ["a web server", createHttpServer((_request, response) => void response.end("hello"))],
    [
      "a web server that asks for a password",
      createHttpServer((_request, response) => {
        response.writeHead(401, { "WWW-Authenticate": 'Basic realm="a"' }).end();
      }),
    ],
    ["a mail server", createServer((socket) => void socket.end("220 mail.example\r\n"))],
    ["a chatterbox", createServer((socket) => void socket.end("x".repeat(100_000)))],
  ])("for it is %s is named as such", async (_name, server) => {
    const port = await portOf(server);
    const dialled = dial({ host: "127.0.0.1", port, token: TOKEN });
    await expect(dialled).rejects.toMatchObject({ code: "ERR_NOT_SMALLINIT" });
    server.close();
  });

  test("for it hangs up at once is no coordinator that can be reached", async () => {
    const server = createServer((socket) => void socket.destroy());
    const port = await portOf(server);
    const dialled = dial({ host: "127.0.0.1", port, token: TOKEN });
    await expect(dialled).rejects.toMatchObject({ code: "ERR_CONNECT" });
    server.close();
  });
});

test("a nonce counts once: who fails has to connect and ask again", async () => {
  await using listener = await honestListener();
  const wrong = await webSocketTo(listener.port, "guess");
  const [error] = (await once(wrong, "error")) as [Error];
  expect(error.message).toContain("401");
  const right = await webSocketTo(listener.port, TOKEN);
  await once(right, "open");
  right.terminate();
  expect(listener.links).toHaveLength(1);
});

/** What a caller hears that says this and waits until the listener hangs up. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => {
    answer += String(data);
  });
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  socket.write(text);
  await closed;
  return answer;
}

/** A listener that accepts every caller, and says what it likes to prove who it is. */
function impostorWith(part: {
  readonly challenge: string;
  readonly proofFor: (request: IncomingMessage) => string | undefined;
  /** What it is told on the open WebSocket. */
  readonly heard?: Buffer[];
}): Server {
  const server = createHttpServer((_request, response) => {
    response.writeHead(401, { "WWW-Authenticate": part.challenge }).end();
  });
  return server.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const proof = part.proofFor(request);
    socket.on("error", () => undefined).on("data", (data: Buffer) => part.heard?.push(data));
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: smallinit\r\n` +
        `${proof === undefined ? "" : `Authentication-Info: ${proof}\r\n`}\r\n`,
    );
  });
}
