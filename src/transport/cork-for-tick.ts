import type { Socket } from "node:net";

/**
 * Makes a function that holds back what is written to `socket` until the end of this turn of the event
 * loop, so that messages sent one after another leave by one system call.
 */
export function corkForTick(socket: Socket): () => void {
  let state: "open" | "corked" = "open";
  return () => {
    if (state === "corked") return;
    state = "corked";
    socket.cork();
    // After the microtasks: who waits for one frame to leave may send the next.
    process.nextTick(() => {
      state = "open";
      socket.uncork();
    });
  };
}
