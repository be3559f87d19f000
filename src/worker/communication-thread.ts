import { parentPort, workerData } from "node:worker_threads";
import { defined } from "../base/assert.ts";
import { machineClock, systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import { noProfiler } from "../base/profiler.ts";
import { SpanRing } from "../base/span-ring.ts";
import type { Link } from "../protocol/link.ts";
import { PROTOCOL_VERSION } from "../protocol/messages.ts";
import { dial } from "../transport/dial.ts";
import { parseJoinUrl } from "../transport/join-url.ts";
import { type Listener, listen } from "../transport/listen.ts";
import { isLoopback } from "../transport/loopback.ts";
import { Communication } from "./communication.ts";
import { dialUntil } from "./dial-until.ts";
import type {
  CommunicationSettings,
  Stamped,
  ToCommunication,
  ToCompute,
} from "./thread-messages.ts";

// The entry of a worker's second thread: started by `runWorker`, from the compiled files alone.

const port = defined(parentPort ?? undefined, "the port of a worker thread");
const settings = workerData as CommunicationSettings;
const { spanMemory } = settings;
const profiler = spanMemory === undefined ? noProfiler : new SpanRing(spanMemory, machineClock);
const tell = (message: ToCompute) =>
  port.postMessage(profiler.isOn ? { ...message, toldMs: profiler.now() } : message);
// Keeps the thread alive while it waits for the coordinator to be started.
port.ref();

try {
  await communicate();
} catch (error) {
  if (!(error instanceof TrainerError)) throw error;
  tell({ type: "failed", code: error.code, message: error.message });
  port.unref();
}

async function communicate(): Promise<void> {
  const { url, timeoutMs, name, packageVersion } = settings;
  const { token } = parseJoinUrl(url);
  const coordinator = await dialUntil(() => dial({ url }), { timeoutMs, clock: systemClock });
  // Peers that call before the coordinator has told their secret are turned away by `accept`.
  let communication: Communication | undefined;
  const listener = await listenForPeers(url, token, (link) => {
    if (communication === undefined) link.close("not ready");
    else communication.accept(link);
  });
  coordinator.send({
    ...{ type: "hello", protocolVersion: PROTOCOL_VERSION, name, packageVersion },
    peerPort: settings.peerPort ?? listener.port,
  });
  const made = new Communication({
    coordinator,
    dialPeer: (address, label) =>
      dial({ ...address, label, ...(token === undefined ? {} : { token }) }),
    clock: systemClock,
    profiler,
    tell,
    onEnd: () => {
      port.unref();
      void listener.close();
    },
  });
  communication = made;
  port.on("message", (message: Stamped<ToCommunication>) => {
    if (message.type === "partial" && message.toldMs !== undefined) {
      profiler.end("hand-off", message.toldMs);
    }
    made.hear(message).catch((error: unknown) => made.fail(error));
  });
}

/** Beside a coordinator on loopback, peers are on loopback too; else on any interface. */
function listenForPeers(
  url: string,
  token: string | undefined,
  onLink: (link: Link) => void,
): Promise<Listener> {
  const { host } = parseJoinUrl(url);
  const isLocal = host === "localhost" || isLoopback(host);
  return listen({
    host: isLocal ? "127.0.0.1" : "0.0.0.0",
    port: 0,
    ...(token === undefined ? {} : { token }),
    onLink,
  });
}
