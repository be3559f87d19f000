import { assert } from "../src/base/assert.ts";
import { decode } from "../src/protocol/decode.ts";
import { encodeMessage, encodeTensorHeader } from "../src/protocol/encode.ts";
import type { Link, LinkListener } from "../src/protocol/link.ts";
import type { Message } from "../src/protocol/messages.ts";
import type { TensorFrame } from "../src/protocol/tensor-frame.ts";

/** Runs deliveries; a test may delay and reorder those of different links, never those of one. */
export type Post = (deliver: () => void) => void;

/** Each delivery in a turn of its own, in the order of sending. */
export const promptPost: Post = (deliver) => void setImmediate(deliver);

/**
 * Two ends of one link in memory. What is sent goes through the codec, as over a socket, and is copied
 * when it "leaves", so that a sender that changes a payload too early is found out.
 */
export function memoryLinks(
  options: { readonly labels?: readonly [string, string]; readonly post?: Post } = {},
): readonly [Link, Link] {
  const post = options.post ?? promptPost;
  const [labelOfFirst, labelOfSecond] = options.labels ?? ["second end", "first end"];
  const first = new MemoryLink(labelOfFirst, post);
  const second = new MemoryLink(labelOfSecond, post);
  first.peer = second;
  second.peer = first;
  return [first, second];
}

type Event = (listener: LinkListener) => void;

/** Something on its way. */
interface Parcel {
  deliver(): void;
  /** It never arrives. */
  drop?(): void;
}

class MemoryLink implements Link {
  label: string;
  peer: MemoryLink | undefined;
  readonly #post: Post;
  readonly #outbox: Parcel[] = [];
  #inbox: Event[] = [];
  #listener: LinkListener | undefined;
  #state: "open" | "closing" | "ended" = "open";
  #endReason: string | undefined;

  constructor(label: string, post: Post) {
    this.label = label;
    this.#post = post;
  }

  send(message: Message): void {
    if (this.#state !== "open") return;
    const bytes = encodeMessage(message);
    this.#enqueue({ deliver: () => this.peer?.receive(bytes) });
  }

  sendTensor(frame: TensorFrame): Promise<void> {
    if (this.#state !== "open") return Promise.resolve();
    const header = encodeTensorHeader(frame);
    return new Promise((resolve) => {
      const deliver = () => {
        const bytes = new Uint8Array(header.length + frame.payload.length);
        bytes.set(header);
        bytes.set(frame.payload, header.length);
        this.peer?.receive(bytes);
        resolve();
      };
      this.#enqueue({ deliver, drop: resolve });
    });
  }

  listen(listener: LinkListener): void {
    assert(this.#listener === undefined, `${this.label} has a listener already`);
    this.#listener = listener;
    for (let event = this.#inbox.shift(); event !== undefined; event = this.#inbox.shift()) {
      event(listener);
    }
  }

  close(reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#endReason = reason;
    this.#inbox = [];
    const deliver = () => {
      this.peer?.end(`closed by peer: ${reason}`);
      this.end(reason);
    };
    this.#enqueue({ deliver });
  }

  cut(reason: string): void {
    if (this.#state === "open") this.#inbox = [];
    for (const { drop } of this.#outbox.splice(0)) drop?.();
    this.end(reason);
    this.#enqueue({ deliver: () => this.peer?.end("connection lost") });
  }

  receive(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    const decoded = decode(bytes);
    this.#deliver((listener) => {
      if (decoded.kind === "message") listener.onMessage(decoded.message);
      else listener.onTensor(decoded.frame);
    });
  }

  end(reason: string): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#deliver((listener) => listener.onClose(this.#endReason ?? reason));
  }

  #deliver(event: Event): void {
    if (this.#listener === undefined || this.#inbox.length > 0) this.#inbox.push(event);
    else event(this.#listener);
  }

  /** Posts one delivery per item, each of the oldest: order holds whatever the post does. */
  #enqueue(parcel: Parcel): void {
    this.#outbox.push(parcel);
    this.#post(() => this.#outbox.shift()?.deliver());
  }
}
