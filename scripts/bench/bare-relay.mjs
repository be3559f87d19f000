// What it takes to bring bytes from one process by way of a second to a third, over plain sockets of this machine.
// The second and the third keep them in memory of their own, as a coordinator and a joiner have to.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

const PIECE_BYTES = 2 ** 20;

/**
 * @param numBytes to bring over.
 * @param pinned (core) => the command that pins what follows it to that core, [] for none.
 * @returns milliseconds from the first byte to the third's word that it has all.
 */
export async function measureRelay(numBytes, pinned) {
  const children = [];
  const start = async (role, core, ...args) => {
    const node = [
      process.execPath,
      fileURLToPath(import.meta.url),
      role,
      String(numBytes),
      ...args,
    ];
    const [program, ...rest] = [...pinned(core), ...node];
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [said] = await once(child.stdout, "data");
    return String(said).trim();
  };
  try {
    const last = await start("receive", 1, "");
    const second = await start("receive", 1, last);
    return Number(await start("send", 0, second));
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** Takes all bytes, piece by piece hands them on where there is a next, and gives one byte back at the end. */
function receive(numBytes, nextPort) {
  const server = createServer((from) => {
    const next = nextPort === "" ? undefined : connect(Number(nextPort), "127.0.0.1");
    const kept = Buffer.allocUnsafeSlow(numBytes);
    let numKept = 0;
    from.on("data", (piece) => {
      piece.copy(kept, numKept);
      next?.write(kept.subarray(numKept, numKept + piece.byteLength));
      numKept += piece.byteLength;
      if (numKept === numBytes && next === undefined) from.write("!");
    });
    next?.on("data", (word) => from.write(word));
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

async function send(numBytes, port) {
  const socket = connect(Number(port), "127.0.0.1");
  await once(socket, "connect");
  const piece = Buffer.alloc(PIECE_BYTES, 1);
  const startMs = performance.now();
  const ended = once(socket, "data");
  for (let sent = 0; sent < numBytes; sent += PIECE_BYTES) {
    const isTaken = socket.write(piece.subarray(0, Math.min(PIECE_BYTES, numBytes - sent)));
    if (!isTaken) await once(socket, "drain");
  }
  await ended;
  console.log(performance.now() - startMs);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [role, numBytes, port] = process.argv.slice(2);
  if (role === "receive") receive(Number(numBytes), port);
  else await send(Number(numBytes), port);
}
