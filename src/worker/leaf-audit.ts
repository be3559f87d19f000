import { digestOf } from "../base/digest.ts";
import type { Assign, AuditedLeaf, LeafRange } from "../protocol/messages.ts";

/** A leaf of somebody else's, to be computed and compared. */
export interface OthersLeaf {
  readonly leaf: number;
  /** Its place among the tokens of the assignment. */
  readonly leafIndex: number;
}

/** What a worker finds in the audited leaves of one step: its own as they come, then those of others. */
export class LeafAudit {
  readonly found: AuditedLeaf[] = [];
  readonly #asked: ReadonlySet<number>;
  readonly #others: OthersLeaf[];

  /** @param range this worker's own leaves. */
  constructor({ audit = [] }: Pick<Assign, "audit">, range: LeafRange) {
    this.#asked = new Set(audit);
    this.#others = othersOf(audit, range);
  }

  /** The next leaf of others that is due; undefined: none is left. */
  takeNext(): OthersLeaf | undefined {
    return this.#others.shift();
  }

  /** A leaf has been computed: f32[numParams + 1], the gradient, then the loss sum. */
  note(leaf: number, vector: Float32Array): void {
    if (this.#asked.has(leaf)) this.found.push({ leaf, digest: digestOf(vector) });
  }
}

/** The audited leaves outside a range; their tokens follow those of the range, in this order. */
export function othersOf(audit: readonly number[], { lo, hi }: LeafRange): OthersLeaf[] {
  return audit
    .filter((leaf) => leaf < lo || leaf >= hi)
    .map((leaf, i) => ({ leaf, leafIndex: hi - lo + i }));
}
