import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Decoded, decode, decodeTensor } from "../protocol/decode.ts";
import { encodeMessage } from "../protocol/encode.ts";
import type { Link, LinkListener } from "../protocol/link.ts";
import type { Message } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { TENSOR_HEADER_BYTES } from "../protocol/wire.ts";
import { closeReason, closeText, reasonOf } from "./close-words.ts";
import { corkForTick } from "./cork-for-tick.ts";
import { type HeartbeatTimes, startHeartbeat } from "./heartbeat.ts";
import { LinkSlots, type SlotNews } from "./link-slots.ts";
import { SendQueue } from "./send-queue.ts";
import type { SlotFile } from "./slot-file.ts";
import { DRAIN_MS, LINGER_MS } from "./socket-options.ts";

/** What a link is made of once the handshake is over. */
export interface SocketLinkOptions {
  readonly webSocket: WebSocket;
  /** The connection below, for what was heard byte by byte. */
  readonly socket: Socket;
  readonly label: string;
  readonly heartbeat: HeartbeatTimes;
  readonly clock: Clock;
  /** A file in memory that both ends have open: payloads go through it. The link closes it. */
  readonly slots?: { readonly file: SlotFile; readonly log: Log } | undefined;
}

/** Bytes that may wait at a peer which sends frames but does not read what slots it may use again. */
const UNREAD_BYTES_MAX = 64 * 2 ** 20;

/** WebSocket close codes (RFC 6455, section 7.4.1). */
const NORMAL = 1000;
const TEXT_REFUSED = 1003;
const POLICY_VIOLATION = 1008;

type LinkEvent = (listener: LinkListener) => void;

/** A `Link` over an open WebSocket. Must be made in the turn in which the WebSocket opened. */
export class SocketLink implements Link {
  label: string;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #heartbeat: HeartbeatTimes;
  readonly #queue: SendQueue;
  readonly #cork: () => void;
  readonly #slots: LinkSlots | undefined;
  #listener: LinkListener | undefined;
  /** What came before anyone listened: little, as the socket is paused until then. */
  #inbox: LinkEvent[] = [];
  #state: "open" | "closing" | "ended" = "open";
  #endReason: string | undefined;
  #errorReason: string | undefined;
  #stopHeartbeat: () => void = () => undefined;

  constructor(options: SocketLinkOptions) {
    const { webSocket, socket, label, heartbeat, clock, slots } = options;
    this.label = label;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#clock = clock;
    this.#heartbeat = heartbeat;
    this.#cork = corkForTick(socket);
    this.#slots = slots === undefined ? undefined : this.#useSlots(slots.file, slots.log);
    this.#queue = new SendQueue(webSocket, { cork: this.#cork, slots: this.#slots?.sender });
    webSocket.binaryType = "fragments";
    webSocket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on("error", (error) => {
      this.#errorReason ??= reasonOf(error);
    });
    webSocket.on("close", (code, reason) =>
      this.#end(this.#errorReason ?? closeReason(code, reason)),
    );
    webSocket.pause();
  }

  send(message: Message): void {
    if (this.#state !== "open") return;
    if (this.#queue.pushMessage(encodeMessage(message))) return;
    this.#drop(POLICY_VIOLATION, `does not read: ${this.#queue.ownBytes} bytes wait for it`);
  }

  sendTensor(frame: TensorFrame): Promise<void> {
    return this.#state === "open" ? this.#queue.pushTensor(frame) : Promise.resolve();
  }

  listen(listener: LinkListener): void {
    assert(this.#listener === undefined, `${this.label} has a listener already`);
    this.#listener = listener;
    for (let event = this.#inbox.shift(); event !== undefined; event = this.#inbox.shift()) {
      event(listener);
    }
    if (this.#state === "ended") return;
    this.#webSocket.resume();
    if (this.#state === "closing") return;
    this.#stopHeartbeat = startHeartbeat({
      ...this.#heartbeat,
      clock: this.#clock,
      ping: () => this.#ping(),
      numBytesHeard: () => this.#socket.bytesRead,
      onSilent: (silentMs) => {
        this.#end(`silent for ${Math.round(silentMs / 100) / 10} s`);
        this.#webSocket.terminate();
      },
    });
  }

  close(reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#endReason = reason;
    this.#inbox = [];
    // The heartbeat goes on: what waits for a frozen peer is not waited for longer than its silence.
    this.#webSocket.resume();
    const cancel = this.#cutAfter(DRAIN_MS);
    this.#queue.onDrained(() => {
      cancel();
      this.#webSocket.close(NORMAL, closeText(reason));
      this.#cutAfter(LINGER_MS);
    });
  }

  cut(reason: string): void {
    if (this.#state === "open") this.#inbox = [];
    this.#end(reason);
    this.#webSocket.terminate();
  }

  /** Payloads go through memory from now on, both ways. */
  #useSlots(file: SlotFile, log: Log): LinkSlots {
    log.info(`The link with ${this.label} shares memory: both ends are on this machine.`);
    return new LinkSlots({
      file,
      sendNow: (message) => {
        this.#cork();
        this.#webSocket.send(message, { binary: true }, leaveErrorsToClose);
        if (this.#webSocket.bufferedAmount <= UNREAD_BYTES_MAX) return;
        this.#drop(POLICY_VIOLATION, `does not read: ${UNREAD_BYTES_MAX} bytes wait for it`);
      },
      onFull: () =>
        log.warn(`No memory left to share with ${this.label}: the socket takes everything.`),
      onBroken: () => this.#drop(POLICY_VIOLATION, "sent nonsense: a shared file cut short"),
    });
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (this.#state === "ended") return;
    if (!isBinary) {
      if (this.#state === "open") this.#drop(TEXT_REFUSED, "sent nonsense: a text message");
      return;
    }
    // With binaryType "fragments", ws hands binary messages over as lists of buffers.
    const event = this.#read(data as readonly Buffer[]);
    if (event !== undefined) this.#deliver(event);
  }

  /** What the listener has to hear of a message; nonsense ends the link. */
  #read(fragments: readonly Buffer[]): LinkEvent | undefined {
    try {
      const news = this.#hearOfSlots(fragments);
      if (news?.kind === "frame") return (listener) => listener.onTensor(news.frame);
      if (news !== undefined || this.#state !== "open") return undefined;
      const decoded = decodeFragments(fragments);
      if (decoded.kind === "tensor") return (listener) => listener.onTensor(decoded.frame);
      return (listener) => listener.onMessage(decoded.message);
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      this.#drop(POLICY_VIOLATION, `sent nonsense: ${error.message}`);
      return undefined;
    }
  }

  /** Also while closing: what has still to leave may wait for slots. */
  #hearOfSlots(fragments: readonly Buffer[]): SlotNews | undefined {
    const [message] = fragments;
    if (message === undefined || fragments.length !== 1) return undefined;
    const news = this.#slots?.hear(message, this.#state === "open");
    if (news?.kind === "heard") this.#queue.resume();
    return news;
  }

  #deliver(event: LinkEvent): void {
    if (this.#listener === undefined || this.#inbox.length > 0) this.#inbox.push(event);
    else event(this.#listener);
  }

  #ping(): void {
    // What waits to be sent is a sign of life itself; pings behind it would only pile up.
    if (
      this.#webSocket.readyState === this.#webSocket.OPEN &&
      this.#webSocket.bufferedAmount === 0
    ) {
      this.#webSocket.ping();
    }
  }

  /** Ends the link for a fault of the peer's, and tells the peer which. */
  #drop(code: number, reason: string): void {
    this.#webSocket.resume();
    this.#webSocket.close(code, closeText(reason));
    this.#cutAfter(LINGER_MS);
    this.#end(reason);
  }

  /** The link is over; whoever comes first says why. */
  #end(reason: string): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#stopHeartbeat();
    this.#queue.clear();
    this.#slots?.end();
    this.#deliver((listener) => listener.onClose(this.#endReason ?? reason));
  }

  #cutAfter(delayMs: number): () => void {
    const cancel = this.#clock.after(delayMs, () => this.#webSocket.terminate());
    this.#webSocket.once("close", cancel);
    return cancel;
  }
}

/** A tensor frame comes in two fragments and stays in two: its payload is not copied. */
function decodeFragments(fragments: readonly Buffer[]): Decoded {
  const [first, second] = fragments;
  if (first !== undefined && second !== undefined && fragments.length === 2) {
    if (first.byteLength === TENSOR_HEADER_BYTES) {
      return { kind: "tensor", frame: decodeTensor(first, second) };
    }
  }
  return decode(first !== undefined && fragments.length === 1 ? first : Buffer.concat(fragments));
}

/** The close event says why a link ended. */
function leaveErrorsToClose(): void {
  return;
}
