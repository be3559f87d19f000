import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import { dial } from "../../src/transport/dial.ts";
import { listen } from "../../src/transport/listen.ts";
import { FakeClock } from "../fake-clock.ts";
import { type CallerOptions, webSocketTo } from "./caller.ts";

const refuseLinks = (link: Link) => link.close("not wanted");
const LOOPBACK = { host: "127.0.0.1", port: 0, onLink: refuseLinks };

describe("listening", () => {
  test.each([["0.0.0.0"], ["::"]])("on %s without a token is refused", async (host) => {
    await expect(listen({ host, port: 0, onLink: refuseLinks })).rejects.toMatchObject({
      code: "ERR_TOKEN",
      message: expect.stringContaining("Give a token, or listen on 127.0.0.1."),
    });
  });

  test("on all addresses with a token is granted", async () => {
    await using listener = await listen({
      host: "0.0.0.0",
      port: 0,
      token: "t",
      onLink: refuseLinks,
    });
    expect(listener.port).toBeGreaterThan(0);
    expect(listener.address).toBe("0.0.0.0");
  });

  test("on a port in use fails by name", async () => {
    await using first = await listen(LOOPBACK);
    await expect(listen({ ...LOOPBACK, port: first.port })).rejects.toMatchObject({
      code: "ERR_PORT_IN_USE",
      message: expect.stringContaining(`Port 127.0.0.1:${first.port} is in use.`),
    });
  });

  test("on an address of another machine fails by name", async () => {
    // From the block that is reserved for documentation.
    const elsewhere = listen({ host: "203.0.113.9", port: 0, token: "t", onLink: refuseLinks });
    await expect(elsewhere).rejects.toMatchObject({ code: "ERR_LISTEN" });
  });

  test.each([[""], ["two words"], ["line\nbreak"], ["ü"], ["x".repeat(257)]])(
    "with the token %j is refused, without showing it",
    async (token) => {
      const refused = expect(listen({ ...LOOPBACK, token })).rejects;
      await refused.toMatchObject({ code: "ERR_TOKEN" });
      if (token !== "")
        await refused.not.toMatchObject({ message: expect.stringContaining(token) });
    },
  );

  test("ends with the links that it made, and tells them why", async () => {
    const listener = await listen({ ...LOOPBACK, onLink: (link) => link.listen(deaf) });
    const link = await dial({ host: "127.0.0.1", port: listener.port });
    const closed = new Promise((resolve) => link.listen({ ...deaf, onClose: resolve }));
    await listener.close("the run has ended");
    expect(await closed).toBe("closed by peer: the run has ended");
    await expect(dial({ host: "127.0.0.1", port: listener.port })).rejects.toMatchObject({
      code: "ERR_CONNECT",
    });
  });
});

const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

/** Kept when the socket has closed, by an error too. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

type Caller = CallerOptions & { readonly token?: string };

/** What a caller sends with its upgrade request, and the HTTP status that it gets. */
const callers: readonly (readonly [string, Caller, number])[] = [
  ["proves nothing", { headers: {} }, 401],
  ["holds another token", { token: "tokem" }, 401],
  ["holds the beginning of the token", { token: "toke" }, 401],
  ["holds the token and more", { token: "tokens" }, 401],
  ["shows the token instead of proving it", { headers: { Authorization: "Bearer token" } }, 401],
  ["is a page in a browser", { origin: "https://example.org" }, 403],
  ["is a page on this machine", { origin: "http://localhost:4000" }, 403],
  ["asks for another path", { path: "/admin" }, 404],
  ["shows the token in the query", { path: "/?token=token", headers: {} }, 404],
  ["speaks another subprotocol", { protocol: "graphql-ws" }, 400],
];

test.each(callers)("a caller that %s is turned away", async (_name, caller, status) => {
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
  await using listener = await listen({ ...LOOPBACK, token: "token", log });
  const { token = "token", ...options } = caller;
  const client = await webSocketTo(listener.port, token, options);
  const [error] = (await once(client, "error")) as [Error];
  expect(error.message).toContain(String(status));
  expect(warnings).toHaveLength(1);
  expect(warnings.join()).not.toContain("token");
});

test("the right token comes in", async () => {
  await using listener = await listen({
    ...LOOPBACK,
    token: "s3cret!",
    onLink: (link) => link.listen(deaf),
  });
  const link = await dial({ url: `ws://127.0.0.1:${listener.port}/#s3cret!` });
  link.listen(deaf);
  expect(link.label).toBe(`127.0.0.1:${listener.port}`);
});

test("more links than allowed are turned away", async () => {
  await using listener = await listen({
    ...LOOPBACK,
    numLinksMax: 1,
    onLink: (link) => link.listen(deaf),
  });
  const first = await dial({ host: "127.0.0.1", port: listener.port });
  first.listen(deaf);
  await expect(dial({ host: "127.0.0.1", port: listener.port })).rejects.toMatchObject({
    code: "ERR_CONNECT",
    message: expect.stringContaining("takes no more links now"),
  });
});

describe("a connection", () => {
  /** What a plain TCP client hears until the listener hangs up. */
  async function answerTo(bytes: string, token?: string) {
    await using listener = await listen({
      ...LOOPBACK,
      ...(token === undefined ? {} : { token }),
    });
    const socket = connect(listener.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (data) => {
      answer += String(data);
    });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(bytes);
    await closeOf(socket);
    return answer;
  }

  test("that is a browser's page view is told what this is", async () => {
    const answer = await answerTo("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 426 /);
    expect(answer).toContain("This is a smallinit server.");
  });

  test("that asks again and again is answered twice and hung up on", async () => {
    const answer = await answerTo("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50), "token");
    expect(answer.match(/^HTTP\/1\.1 401 /gm)).toHaveLength(2);
  });

  test("that sends more than 4 KiB of headers is cut", async () => {
    const headers = `X: ${"x".repeat(4096)}\r\n`;
    expect(await answerTo(`HEAD / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`, "token")).toBe("");
  });

  test("that sends nonsense is cut", async () => {
    expect(await answerTo("\u0016\u0003\u0001\u0002\u0000nonsense\r\n\r\n")).toBe("");
  });

  test.each([
    ["nothing", ""],
    ["half a request", "GET / HTTP/1.1\r\nHost: a\r\n"],
  ])("that sends %s is cut at the handshake's deadline", async (_name, bytes) => {
    const clock = new FakeClock();
    await using listener = await listen({ ...LOOPBACK, clock, handshakeMs: 5000 });
    const socket = connect(listener.port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    if (bytes !== "") socket.write(bytes);
    // The listener has noticed the connection when its deadline is set.
    while (clock.numTimers === 0) await new Promise(setImmediate);
    const closed = closeOf(socket);
    clock.advance(4999);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    await closed;
  });
});
