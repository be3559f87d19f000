import { seededRandom } from "../../src/base/random.ts";
import type { Link } from "../../src/protocol/link.ts";
import { memoryLinks, type Post } from "../memory-link.ts";

/** Links in memory whose deliveries happen one by one, in a random order that a seed repeats. */
export class VirtualNetwork {
  readonly #random;
  #deliveries: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A new link; deliveries of one end keep their order, those of different ends do not. */
  link(labels: readonly [string, string]): readonly [Link, Link] {
    const post: Post = (deliver) => this.post(deliver);
    return memoryLinks({ labels, post });
  }

  /** Deliveries under way. */
  get numPending(): number {
    return this.#deliveries.length;
  }

  /** Does `action` at a random moment among the deliveries. */
  post(action: () => void): void {
    this.#deliveries.push(action);
  }

  /** Delivers until nothing is under way; what senders do on hearing that a frame left comes between. */
  async run(): Promise<void> {
    for (;;) {
      const index = Math.floor(this.#random.uniform() * this.#deliveries.length);
      const [delivery] = this.#deliveries.splice(index, 1);
      if (delivery === undefined) return;
      delivery();
      // Promises kept by this delivery run their handlers, which may send more.
      for (let i = 0; i < 4; i++) await Promise.resolve();
    }
  }
}
