import type { Message } from "./messages.ts";
import type { TensorFrame } from "./tensor-frame.ts";

/**
 * A two-way, ordered, reliable stream of messages and tensor frames to one peer.
 *
 * Made by `transport` over WebSockets, and by `test/memory-link.ts` in memory. What arrives has been
 * decoded and checked. A link that hears nothing (not even a heartbeat) for its timeout closes itself.
 */
export interface Link {
  /** For messages to people: who is at the other end, for example "worker 3 (host-b:41234)". */
  label: string;
  /** Sends a control message; after the link has closed, does nothing. */
  send(message: Message): void;
  /**
   * Sends a tensor frame without copying it: `payload` must not change until it has left.
   *
   * @returns a promise kept when the payload has left this process or the link has closed.
   */
  sendTensor(frame: TensorFrame): Promise<void>;
  /**
   * Sets who hears what arrives; what came before is delivered first, in order. Called once, and soon:
   * until then nothing more is read, and the peer sees no heartbeat.
   */
  listen(listener: LinkListener): void;
  /** Closes in both directions; what was sent before is still delivered. Idempotent. */
  close(reason: string): void;
  /**
   * Ends at once: what has not left is dropped, and the other end sees its connection lost. For a peer
   * for whom nothing matters any more, and whom nobody wants to wait for. Idempotent, also while closing.
   */
  cut(reason: string): void;
}

/** Who hears a link. */
export interface LinkListener {
  onMessage(message: Message): void;
  onTensor(frame: TensorFrame): void;
  /** Called once, last. `reason` says what happened: "closed by peer", "silent for 1.3 s", "sent nonsense: ...". */
  onClose(reason: string): void;
}
