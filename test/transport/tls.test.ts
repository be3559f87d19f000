import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, connect as openTls } from "node:tls";
import { describe, expect, test } from "vitest";
import { type Credentials, pinOf } from "../../src/transport/credentials.ts";
import { dial } from "../../src/transport/dial.ts";
import { formatJoinUrl } from "../../src/transport/join-url.ts";
import { listen } from "../../src/transport/listen.ts";
import { selfSigned } from "../../src/transport/self-signed.ts";
import { FakeClock } from "../fake-clock.ts";

const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };
const LOOPBACK = { host: "127.0.0.1", port: 0 };

/** The URL that pins a certificate, or leaves it to authorities. */
function urlOf(port: number, tls?: Credentials, token = "token"): string {
  const fingerprint = tls === undefined ? undefined : pinOf(tls);
  const pin = fingerprint === undefined ? {} : { fingerprint };
  return formatJoinUrl({ host: "127.0.0.1", port, isSecure: true, token, ...pin });
}

function secureListener(tls: Credentials) {
  return listen({ ...LOOPBACK, tls, token: "token", onLink: (link) => link.listen(deaf) });
}

describe("a caller with TLS", () => {
  test("comes in with the certificate's fingerprint and the token", async () => {
    const tls = selfSigned();
    await using listener = await secureListener(tls);
    const link = await dial({ url: urlOf(listener.port, tls) });
    link.listen(deaf);
    expect(link.label).toBe(`127.0.0.1:${listener.port}`);
  });

  test("still needs the token", async () => {
    const tls = selfSigned();
    await using listener = await secureListener(tls);
    const dialled = dial({ url: urlOf(listener.port, tls, "tokem") });
    await expect(dialled).rejects.toMatchObject({ code: "ERR_TOKEN_WRONG" });
  });

  test("trusts no certificate that signed itself when the URL pins none", async () => {
    await using listener = await secureListener(selfSigned());
    await expect(dial({ url: urlOf(listener.port) })).rejects.toMatchObject({
      code: "ERR_CERTIFICATE",
      message: expect.stringMatching(/cannot be trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/),
    });
  });

  test("tells an impostor nothing: not a byte of the request, so not the token", async () => {
    const heard: Buffer[] = [];
    const { certificate: cert, key } = selfSigned();
    const impostor = createTlsServer({ cert, key }, (socket) => {
      socket.on("data", (data) => heard.push(data));
      socket.on("error", () => undefined);
    });
    impostor.listen(0, "127.0.0.1");
    await once(impostor, "listening");
    const { port } = impostor.address() as { readonly port: number };
    const hungUp = new Promise((resolve) => {
      impostor.on("connection", (socket) => socket.once("close", resolve));
    });
    await expect(dial({ url: urlOf(port, selfSigned()) })).rejects.toMatchObject({
      code: "ERR_CERTIFICATE",
      message: expect.stringMatching(/shows a certificate .* but the join URL says .* nothing was/),
    });
    await hungUp;
    expect(heard).toEqual([]);
    impostor.close();
  });

  test("is told that a coordinator without TLS hangs up on it", async () => {
    await using listener = await listen({ ...LOOPBACK, token: "token", onLink: () => undefined });
    await expect(dial({ url: urlOf(listener.port, selfSigned()) })).rejects.toMatchObject({
      code: "ERR_CONNECT",
      message: expect.stringContaining(
        "begins with wss://; a listener that expects ws:// hangs up",
      ),
    });
  });

  test("says when the other side answers without TLS", async () => {
    const server = createServer((socket) => socket.resume().end("HTTP/1.1 400 Bad Request"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    await expect(dial({ url: urlOf(port, selfSigned()) })).rejects.toMatchObject({
      code: "ERR_NOT_SMALLINIT",
      message: expect.stringMatching(/does not speak TLS 1\.3 .* ws:\/\/ instead of wss:\/\//),
    });
    server.close();
  });

  test("gives up on a server that does not answer its greeting", async () => {
    const clock = new FakeClock();
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    const connected = once(server, "connection");
    const dialled = dial({ url: urlOf(port, selfSigned()), timeoutMs: 3000, clock });
    const [socket] = (await connected) as [Socket];
    await once(socket, "data");
    clock.advance(3000);
    await expect(dialled).rejects.toMatchObject({ code: "ERR_CONNECT_TIMEOUT" });
    server.close();
  });
});

test("a caller without TLS is told what the URL must begin with", async () => {
  const tls = selfSigned();
  await using listener = await secureListener(tls);
  const url = `ws://127.0.0.1:${listener.port}/#token`;
  await expect(dial({ url })).rejects.toMatchObject({
    code: "ERR_CONNECT",
    message: expect.stringContaining("a listener that expects wss:// hangs up on it"),
  });
});

describe("a listener with TLS", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["half a greeting", Buffer.from([0x16, 0x03, 0x01, 0x02])],
  ])("cuts a connection that sends %s at the handshake's deadline", async (_name, bytes) => {
    const clock = new FakeClock();
    await using listener = await listen({
      ...LOOPBACK,
      ...{ tls: selfSigned(), clock, handshakeMs: 5000, onLink: () => undefined },
    });
    const socket = connect(listener.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await once(socket, "connect");
    if (bytes.length > 0) socket.write(bytes);
    while (clock.numTimers === 0) await new Promise(setImmediate);
    clock.advance(4999);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    await closed;
  });

  test("cuts a caller that has finished TLS and says no more, at the same deadline", async () => {
    const clock = new FakeClock();
    await using listener = await listen({
      ...LOOPBACK,
      ...{ tls: selfSigned(), clock, handshakeMs: 5000, onLink: () => undefined },
    });
    const socket = openTls({ host: "127.0.0.1", port: listener.port, rejectUnauthorized: false });
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await once(socket, "secureConnect");
    clock.advance(5000);
    await closed;
  });

  test("hangs up on nonsense, and on versions of TLS before 1.3", async () => {
    await using listener = await secureListener(selfSigned());
    const nonsense = connect(listener.port, "127.0.0.1", () =>
      nonsense.write("GET / HTTP/1.1\r\n"),
    );
    nonsense.on("error", () => undefined);
    await new Promise((resolve) => nonsense.once("close", resolve));
    const old = openTls({
      ...{ host: "127.0.0.1", port: listener.port },
      ...{ rejectUnauthorized: false, maxVersion: "TLSv1.2" },
    });
    const [error] = (await once(old, "error")) as [Error & { readonly code: string }];
    expect(error.code).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  });

  test("goes on as a link when the handshake's deadline has passed", async () => {
    const tls = selfSigned();
    const clock = new FakeClock();
    let hear: (message: unknown) => void = () => undefined;
    const heard = new Promise<unknown>((resolve) => {
      hear = resolve;
    });
    await using listener = await listen({
      token: "token",
      ...{ ...LOOPBACK, tls, clock, handshakeMs: 500 },
      onLink: (link) => link.listen({ ...deaf, onMessage: hear }),
    });
    const link = await dial({ url: urlOf(listener.port, tls) });
    link.listen(deaf);
    clock.advance(500);
    link.send({ type: "linked", generation: 3 });
    expect(await heard).toEqual({ type: "linked", generation: 3 });
  });
});
