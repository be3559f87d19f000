import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";

/** The WebSocket subprotocol: a peer that does not name it is something else. */
export const SUBPROTOCOL = "smallinit";

/** How long a closing link may take to send what waits. */
export const DRAIN_MS = 10_000;

/** How long a closing link waits for the peer's answer before it is cut. */
export const LINGER_MS = 2000;

/** What both ends ask of `ws`. */
export const SOCKET_OPTIONS = {
  // Gradients do not compress, and a deflate bomb is one hostile input less.
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  // A tensor frame has two fragments; ws allows 16384 by default.
  maxFragments: 64,
  // Both sides ping by themselves: answers would only double the traffic.
  autoPong: false,
  closeTimeout: LINGER_MS,
};

/**
 * A header of the upgrade. From the caller: "NAME NONCE" of a file in shared memory, for payloads. From
 * the listener: that it has the file open.
 */
export const SLOTS_HEADER = "smallinit-slots";

/** The listener's word in `SLOTS_HEADER`. */
export const SLOTS_OPEN = "open";
