import { digestOf } from "../base/digest.ts";
import { type OthersLeaf, othersOf } from "../collective/others-of.ts";
import type { Assign, AuditedLeaf, LeafRange } from "../protocol/messages.ts";

/** What a worker finds in the audited leaves of one step: its own as they come, then those of others. */
export class LeafAudit {
  readonly #asked: ReadonlySet<number>;
  readonly #others: OthersLeaf[];
  readonly #digests: Map<number, string>;

  /**
   * @param range this worker's own leaves.
   * @param known what it found in leaves that it does not compute again.
   */
  constructor(
    { audit = [] }: Pick<Assign, "audit">,
    range: LeafRange,
    known: readonly AuditedLeaf[] = [],
  ) {
    this.#asked = new Set(audit);
    this.#others = othersOf(audit, range);
    const asked = known.filter(({ leaf }) => this.#asked.has(leaf));
    this.#digests = new Map(asked.map(({ leaf, digest }) => [leaf, digest]));
  }

  get found(): readonly AuditedLeaf[] {
    return [...this.#digests].map(([leaf, digest]) => ({ leaf, digest }));
  }

  /** The next leaf of others that is due; undefined: none is left. */
  takeNext(): OthersLeaf | undefined {
    return this.#others.shift();
  }

  /** A leaf has been computed: f32[numParams + 1], the gradient, then the loss sum. */
  note(leaf: number, vector: Float32Array): void {
    if (this.#asked.has(leaf)) this.#digests.set(leaf, digestOf(vector));
  }
}
