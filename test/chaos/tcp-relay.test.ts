import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { processSockets } from "../../src/chaos/process-sockets.ts";
import { openTcpRelay, type RelayedConnection } from "../../src/chaos/tcp-relay.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Two sockets that talk through a relay. */
async function throughRelay() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const relay = await openTcpRelay(async () => (server.address() as AddressInfo).port);
  const caller = connect({ host: "127.0.0.1", port: relay.port });
  const [called] = (await once(server, "connection")) as [Socket];
  for (const socket of [caller, called]) socket.on("error", () => undefined);
  cleanups.push(() => {
    for (const socket of [caller, called]) socket.destroy();
    server.close();
    return relay.close();
  });
  caller.write("hello");
  expect(String((await once(called, "data"))[0])).toBe("hello");
  const connection: RelayedConnection = defined([...relay.connections][0], "the connection");
  return { relay, caller, called, connection };
}

test("passes on both ways, and the end of one side to the other", async () => {
  const { relay, caller, called } = await throughRelay();
  called.write("you");
  expect(String((await once(caller, "data"))[0])).toBe("you");
  called.destroy();
  await once(caller, "close");
  expect(relay.connections.size).toBe(0);
});

test("cuts a connection for both sides", async () => {
  const { caller, called, connection } = await throughRelay();
  connection.cut();
  await Promise.all([once(caller, "close"), once(called, "close")]);
});

test("cuts inside a long piece, of which half arrives", async () => {
  const { caller, called, connection } = await throughRelay();
  let numBytes = 0;
  called.on("data", (piece: Buffer) => {
    numBytes += piece.byteLength;
  });
  connection.cutInside();
  caller.write(Buffer.alloc(4000));
  await Promise.all([once(caller, "close"), once(called, "close")]);
  expect(numBytes).toBe(2000);
});

test("silences a connection, so that not even an end is told", async () => {
  const { relay, caller, called, connection } = await throughRelay();
  called.on("data", () => expect.fail("something came through"));
  called.on("close", () => expect.fail("the end was told"));
  connection.silence();
  caller.end("into the void");
  await once(caller, "close");
  // A second connection is not touched, and comes after whatever the first had to say.
  const second = connect({ host: "127.0.0.1", port: relay.port });
  cleanups.unshift(
    () => called.removeAllListeners().destroy(),
    () => second.destroy(),
  );
  await once(second, "connect");
  expect(called.destroyed).toBe(false);
});

test("turns callers away while there is nobody to pass them on to", async () => {
  const relay = await openTcpRelay(async () => undefined);
  cleanups.push(() => relay.close());
  const caller = connect({ host: "127.0.0.1", port: relay.port });
  caller.on("error", () => undefined);
  await once(caller, "close");
});

test.skipIf(process.platform !== "linux")(
  "finds the ports that a process has and those that it calls",
  async () => {
    const { relay, caller } = await throughRelay();
    const sockets = await processSockets(process.pid);
    expect(sockets).toContainEqual({ localPort: relay.port, remotePort: 0 });
    expect(sockets).toContainEqual({ localPort: caller.localPort, remotePort: relay.port });
    expect(await processSockets(2 ** 30)).toEqual([]);
  },
);
