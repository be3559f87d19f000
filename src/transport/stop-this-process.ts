/** Longest time between the signal and its effect on this thread, in ms. */
const HELD_MS = 1000;

/** Stops this process, all its threads, as SIGSTOP from outside would; SIGCONT lets it go on. */
export function stopThisProcess(): void {
  process.kill(process.pid, "SIGSTOP");
  // The signal may reach another thread of the process first: this one does nothing more meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HELD_MS);
}
