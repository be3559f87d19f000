import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A connection that passes through a relay. */
export interface RelayedConnection {
  /** The caller's own port on this machine. */
  readonly callerPort: number;
  /** Ends it for both sides; what is under way is lost. */
  cut(): void;
  /** Lets half of the next piece through, and cuts then: a frame that stops in the middle. */
  cutInside(): void;
  /** From now on nothing passes, not even the end of either side: a half-open connection. */
  silence(): void;
}

/** A port that passes everything on to another. */
export interface TcpRelay {
  readonly port: number;
  /** Those that stand. */
  readonly connections: ReadonlySet<RelayedConnection>;
  close(): Promise<void>;
}

/** What is shorter is a heartbeat. */
const LONG_PIECE_BYTES = 64;

/**
 * Opens a relay on loopback. A caller is turned away while `target` is undefined or does not answer.
 *
 * @param target the port to pass on to, asked for each connection.
 */
export async function openTcpRelay(target: () => Promise<number | undefined>): Promise<TcpRelay> {
  const connections = new Set<RelayedConnection>();
  const sockets = new Set<Socket>();
  const server: Server = createServer({ pauseOnConnect: true }, (caller) => {
    keep(sockets, caller);
    void target().then((port) => {
      if (port === undefined || caller.destroyed) {
        caller.destroy();
        return;
      }
      const called = connect({ host: "127.0.0.1", port });
      keep(sockets, called);
      const connection = relay(caller, called, () => connections.delete(connection));
      connections.add(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.on("close", () => sockets.delete(socket));
  // A reset is an end like any other here: `close` follows.
  socket.on("error", () => undefined);
}

function relay(caller: Socket, called: Socket, onEnd: () => void): RelayedConnection {
  let mode: "pass" | "cut-inside" | "silent" = "pass";
  const cut = () => {
    caller.destroy();
    called.destroy();
    onEnd();
  };
  const pass = (from: Socket, to: Socket) => {
    from.on("data", (piece) => {
      if (mode === "silent") return;
      if (mode === "cut-inside" && piece.byteLength >= LONG_PIECE_BYTES) {
        to.end(piece.subarray(0, piece.byteLength / 2));
        cutAfter(to, cut);
        return;
      }
      if (to.write(piece)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    from.on("close", () => {
      if (mode !== "silent") cut();
    });
  };
  pass(caller, called);
  pass(called, caller);
  // The caller was accepted paused, so that nothing is lost before there is somebody to hear it.
  caller.resume();
  return {
    callerPort: caller.remotePort ?? 0,
    cut,
    cutInside: () => {
      mode = "cut-inside";
    },
    silence: () => {
      mode = "silent";
    },
  };
}

/** Cuts once what was written last has left. */
function cutAfter(to: Socket, cut: () => void): void {
  if (to.writableFinished) cut();
  else to.once("finish", cut);
}
