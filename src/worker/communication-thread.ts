import { parentPort, workerData } from "node:worker_threads";
import { defined } from "../base/assert.ts";
import { machineClock, systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { noProfiler } from "../base/profiler.ts";
import { hash32, seededRandom } from "../base/random.ts";
import { SpanRing } from "../base/span-ring.ts";
import type { Link } from "../protocol/link.ts";
import { PROTOCOL_VERSION } from "../protocol/messages.ts";
import { dial } from "../transport/dial.ts";
import { formatHostPort, parseJoinUrl } from "../transport/join-url.ts";
import { SlotFolder } from "../transport/slot-folder.ts";
import { stopAtPhase } from "../transport/stop-at-phase.ts";
import { stopThisProcess } from "../transport/stop-this-process.ts";
import { Communication, type CommunicationOptions } from "./communication.ts";
import { dialUntil } from "./dial-until.ts";
import { openMeshDoor } from "./mesh-door.ts";
import { redial } from "./redial.ts";
import type {
  CommunicationSettings,
  LogLine,
  Stamped,
  ToCommunication,
  ToCompute,
} from "./thread-messages.ts";

// The entry of a worker's second thread: started by `runWorker`, from the compiled files alone.

const port = defined(parentPort ?? undefined, "the port of a worker thread");
const settings = workerData as CommunicationSettings;
const { spanMemory, sharesMemory } = settings;
const profiler = spanMemory === undefined ? noProfiler : new SpanRing(spanMemory, machineClock);
const tell = (message: ToCompute) =>
  port.postMessage(profiler.isOn ? { ...message, toldMs: profiler.now() } : message);
const logLine = (line: Omit<LogLine, "type">) => port.postMessage({ type: "log", ...line });
const log: Log = {
  info: (text) => logLine({ level: "info", text }),
  warn: (text) => logLine({ level: "warn", text }),
};
const slotFolder = sharesMemory ? SlotFolder.open({ log }) : undefined;
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
  const { url, isNetworkTrusted, place, timeoutMs, coordinatorTimeoutMs } = settings;
  const { name, packageVersion } = settings;
  const watch = watchOf(settings);
  const dialOnce = async () => watch(await dial({ url, isNetworkTrusted, slotFolder }));
  const { host, port: portOfUrl } = parseJoinUrl(url);
  const coordinator = await dialUntil(dialOnce, {
    ...{ timeoutMs, clock: systemClock, label: formatHostPort(host, portOfUrl) },
    onWait: (text) => log.info(text),
  });
  let communication: Communication | undefined;
  const door = await openMeshDoor({
    ...{ url, isNetworkTrusted, place, slotFolder },
    onLink: (link) => defined(communication, "the secret that peers hold").accept(watch(link)),
  });
  const hello = {
    ...({ type: "hello", protocolVersion: PROTOCOL_VERSION, name, packageVersion } as const),
    ...door.place,
    ...(settings.peerPort === undefined ? {} : { peerPort: settings.peerPort }),
  };
  coordinator.send(hello);
  const random = seededRandom(hash32(process.pid, [Date.now() % 2 ** 32]));
  const reconnect: CommunicationOptions["reconnect"] = async (held, isOver) => {
    const link = await redial({
      dialOnce,
      ...{ timeoutMs: coordinatorTimeoutMs, clock: systemClock, random, isOver },
      onWait: (text) => log.warn(text),
    });
    link?.send(held === undefined ? hello : { ...hello, held });
    return link;
  };
  const made = new Communication({
    coordinator,
    dialPeer: async (address, peerId) => watch(await door.dialPeer(address, peerId)),
    onMeshSecret: (secret, selfId) => door.admit(secret, selfId),
    ...(coordinatorTimeoutMs === 0 ? {} : { reconnect }),
    say: (text) => log.warn(text),
    clock: systemClock,
    profiler,
    tell,
    onEnd: () => {
      port.unref();
      void door.close();
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

/** What fault tests put between this process and its links; elsewhere, nothing. */
function watchOf({ trap }: CommunicationSettings): (link: Link) => Link {
  return trap === undefined ? (link) => link : stopAtPhase(trap, "worker", stopThisProcess);
}
