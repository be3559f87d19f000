import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import { listen } from "../transport/listen.ts";
import type { LoopbackSpeed } from "./doctor-report.ts";
import { runProbe } from "./run-probe.ts";
import type { FrameStream } from "./send-frames.ts";

/** Beyond the time of sending itself. */
const GRACE_MS = 15_000;

/**
 * Measures how fast another process of this machine sends tensor frames to this one.
 *
 * @throws {TrainerError} ERR_LISTEN, ERR_ENGINE when no connection came about.
 */
export async function probeLoopback(sendMs: number): Promise<LoopbackSpeed> {
  const meter = new Meter();
  await using listener = await listen({
    ...{ host: "127.0.0.1", port: 0 },
    onLink: (link) => meter.read(link),
  });
  await runProbe<FrameStream, null>({
    name: "The WebSocket on loopback",
    program: new URL("./sending-process.js", import.meta.url),
    request: { port: listener.port, sendMs },
    timeoutMs: sendMs + GRACE_MS,
  });
  return { gigabytesPerSecond: meter.gigabytesPerSecond() };
}

/** Counts from the first frame's arrival, so that the handshake is left out. */
class Meter {
  #numBytes = 0;
  #firstMs: number | undefined;
  #lastMs = 0;

  read(link: Link): void {
    link.listen({
      onMessage: () => undefined,
      onTensor: ({ payload }) => {
        this.#lastMs = performance.now();
        if (this.#firstMs === undefined) this.#firstMs = this.#lastMs;
        else this.#numBytes += payload.byteLength;
      },
      onClose: () => undefined,
    });
  }

  gigabytesPerSecond(): number {
    const ms = this.#lastMs - (this.#firstMs ?? 0);
    if (this.#numBytes > 0 && ms > 0) return this.#numBytes / ms / 1e6;
    throw new TrainerError(
      "ERR_CONNECT",
      "The WebSocket on loopback opened, but no data came through. Check this machine's firewall.",
    );
  }
}
