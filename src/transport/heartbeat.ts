import type { Clock } from "../base/clock.ts";

/** How often each side shows that it is alive, and how long it believes in a silent peer. */
export interface HeartbeatTimes {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * Giving up a living peer costs less than waiting much longer for one that is gone: after four silent
 * intervals, at most 1 s (docs/decisions/0072).
 */
export const HEARTBEAT_TIMES: HeartbeatTimes = { intervalMs: 200, timeoutMs: 800 };

/** What a heartbeat does and sees. */
export interface HeartbeatOptions extends HeartbeatTimes {
  readonly clock: Clock;
  /** Shows the peer that we are alive. */
  ping(): void;
  /** Bytes heard since the link began: any byte is a sign of life, also in the middle of a message. */
  numBytesHeard(): number;
  /** Called once, when the peer has been silent for too long. */
  onSilent(silentMs: number): void;
}

/**
 * Pings the peer at every interval and watches that it is heard of.
 *
 * Silence counts by intervals in which we listened: while this process was stopped or its event loop
 * busy, nothing could be heard, so an interval that ended late counts as one interval. Otherwise a
 * worker that wakes up would take all others for dead.
 *
 * @returns a function that stops it.
 */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { clock, intervalMs, timeoutMs } = options;
  let numBytesHeard = options.numBytesHeard();
  let silentMs = 0;
  let cancel = clock.after(intervalMs, tick);

  function tick(): void {
    const numBytes = options.numBytesHeard();
    silentMs = numBytes === numBytesHeard ? silentMs + intervalMs : 0;
    numBytesHeard = numBytes;
    if (silentMs >= timeoutMs) {
      options.onSilent(silentMs);
      return;
    }
    options.ping();
    cancel = clock.after(intervalMs, tick);
  }
  return () => cancel();
}
