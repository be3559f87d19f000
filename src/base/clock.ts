import { hrtime } from "node:process";

/** Time as an argument: real in a process, virtual in a test. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  nowMs(): number;
  /** Calls `action` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, action: () => void): () => void;
}

/** The clock of this machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, action) => cancelOf(setTimeout(action, delayMs).unref()),
};

/** The clock of this machine, for a process that has nothing to do but to wait: its timers keep it alive. */
export const wakefulClock: Clock = {
  nowMs: systemClock.nowMs,
  after: (delayMs, action) => cancelOf(setTimeout(action, delayMs)),
};

function cancelOf(timer: NodeJS.Timeout): () => void {
  return () => clearTimeout(timer);
}

/** The system's clock, with one zero for all threads and processes of this machine. */
export const machineClock: Clock = {
  nowMs: () => THREAD_ORIGIN_MS + performance.now(),
  after: systemClock.after,
};

const THREAD_ORIGIN_MS = threadOriginMs();

/**
 * When `performance.now()` was 0 in this thread, on the machine's monotonic clock. Read several times:
 * the closest two readings were not interrupted.
 */
function threadOriginMs(): number {
  let [originMs, closestMs] = [0, Number.POSITIVE_INFINITY];
  for (let i = 0; i < 20; i++) {
    const beforeMs = performance.now();
    const machineMs = Number(hrtime.bigint()) / 1e6;
    const afterMs = performance.now();
    if (afterMs - beforeMs >= closestMs) continue;
    closestMs = afterMs - beforeMs;
    originMs = machineMs - (beforeMs + afterMs) / 2;
  }
  return originMs;
}
