import type { LeafRange } from "../protocol/messages.ts";

/** A leaf of somebody else's, to be computed and compared. */
export interface OthersLeaf {
  readonly leaf: number;
  /** Its place among the tokens of the assignment. */
  readonly leafIndex: number;
}

/** The audited leaves outside a range; their tokens follow those of the range, in this order. */
export function othersOf(audit: readonly number[], { lo, hi }: LeafRange): OthersLeaf[] {
  return audit
    .filter((leaf) => leaf < lo || leaf >= hi)
    .map((leaf, i) => ({ leaf, leafIndex: hi - lo + i }));
}
