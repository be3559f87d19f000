import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { defined } from "../base/assert.ts";
import type { Link } from "../protocol/link.ts";
import { type StateVectors, stateFrames } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** What a snapshot on its way out is made of. */
export interface LeavingSnapshotOptions {
  readonly step: number;
  /** The training state itself: nobody changes it before `useCopy`. */
  readonly vectors: StateVectors;
  /** int32[1], told to the other thread: how many of the state's frames are not read from it any more. */
  readonly numRead: Int32Array;
}

/**
 * A snapshot that is sent while training goes on, read frame by frame from the training state itself
 * until the compute thread, about to change it, has put aside a copy of what has not been read yet. A
 * copy of all at once would hold up the step, and be one more state in memory.
 */
export class LeavingSnapshot {
  readonly #options: LeavingSnapshotOptions;
  #frames: readonly TensorFrame[];

  constructor(options: LeavingSnapshotOptions) {
    this.#options = options;
    this.#frames = [...stateFrames(options.step, options.vectors)];
  }

  /** From now on reads what `copyUnread` has put aside. */
  useCopy(copy: StateVectors): void {
    this.#frames = [...stateFrames(this.#options.step, copy)];
  }

  /**
   * Sends the state, and the digest of its parameters after the last frame.
   *
   * @param isOver whether the link has ended: then nothing more is read.
   */
  async send(link: Link, isOver: () => boolean): Promise<void> {
    const { step, numRead } = this.#options;
    const digest = createHash("sha256");
    const longest = defined(this.#frames[0], "a frame");
    const scratch = new Uint8Array(longest.payload.byteLength);
    for (let i = 0; i < this.#frames.length; i++) {
      if (isOver()) return;
      const frame = defined(this.#frames[i], "a frame");
      // Read within this turn, before any word of the other thread's is heard; written when there is room.
      const payload = scratch.subarray(0, frame.payload.byteLength);
      payload.set(frame.payload);
      Atomics.store(numRead, 0, i + 1);
      if (frame.vector === 0) digest.update(payload);
      await link.sendTensor({ ...frame, payload });
      // This thread answers heartbeats, too, and hears of the copy.
      await setImmediate();
    }
    link.send({ type: "digest", step, digest: digest.digest("hex") });
  }
}

/** Puts aside what a leaving snapshot has not read of `vectors` yet, as far as `numRead` says now. */
export function copyUnread(vectors: StateVectors, copy: StateVectors, numRead: Int32Array): void {
  const copies = [...stateFrames(0, copy)];
  [...stateFrames(0, vectors)].slice(Atomics.load(numRead, 0)).forEach(({ payload }, i, unread) => {
    defined(copies.at(i - unread.length), "its copy").payload.set(payload);
  });
}

/** A buffer of f32[3 · numParams] as parameters, first and second moments. */
export function stateIn(buffer: SharedArrayBuffer): StateVectors {
  const vectorBytes = buffer.byteLength / 3;
  const numParams = vectorBytes / Float32Array.BYTES_PER_ELEMENT;
  const vector = (i: number) => new Float32Array(buffer, i * vectorBytes, numParams);
  return [vector(0), vector(1), vector(2)];
}
