import type { Link } from "../protocol/link.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** Frames handed to the link at once: enough to keep the wire busy, few enough to stop soon. */
const WINDOW_FRAMES = 4;

/** Sends frames over one link in order, a few at a time, so that what is not yet due can be dropped. */
export class FrameSender {
  readonly #link: Link;
  #waiting: (() => TensorFrame)[] = [];
  #numInFlight = 0;
  #whenIdle: (() => void)[] = [];

  constructor(link: Link) {
    this.#link = link;
  }

  /** Frames that have not left yet. */
  get numWaiting(): number {
    return this.#waiting.length + this.#numInFlight;
  }

  /** @param frame makes the frame when its turn has come: what is packed takes memory. */
  push(frame: () => TensorFrame): void {
    this.#waiting.push(frame);
    this.#fill();
  }

  /** Drops what has not been handed to the link. */
  stop(): void {
    this.#waiting = [];
  }

  /** @returns a promise kept when all frames have left, or the link has closed. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.numWaiting === 0) resolve();
      else this.#whenIdle.push(resolve);
    });
  }

  #fill(): void {
    while (this.#numInFlight < WINDOW_FRAMES) {
      const frame = this.#waiting.shift();
      if (frame === undefined) return;
      this.#numInFlight++;
      void this.#link.sendTensor(frame()).then(() => this.#left());
    }
  }

  #left(): void {
    this.#numInFlight--;
    this.#fill();
    if (this.numWaiting > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
