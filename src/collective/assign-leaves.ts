import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import { coveringNodes } from "./reduction-tree.ts";

/**
 * Divides a step's leaves among workers: contiguous ranges in the workers' order, together
 * [0, numLeaves), their sizes differing by at most one leaf; empty for some when there are more
 * workers than leaves.
 *
 * Which workers get the one leaf more is chosen so that the ranges need the fewest nodes of the
 * reduction tree in all, since each node is one vector on the wire; of equal choices, the first workers
 * get more. The sum's bits never depend on this choice. Costs numWorkers · (numLeaves mod numWorkers)
 * · log(numLeaves): call it once per membership, not once per step.
 */
export function assignLeaves(numLeaves: number, numWorkers: number): readonly LeafRange[] {
  assert(numLeaves >= 1 && numWorkers >= 1, `${numLeaves} leaves for ${numWorkers} workers`);
  const size = Math.floor(numLeaves / numWorkers);
  const numLarger = numLeaves % numWorkers;
  const isLarger = fewestNodes(numLeaves, numWorkers, size, numLarger);
  let lo = 0;
  return isLarger.map((larger) => {
    const range = { lo, hi: lo + size + (larger ? 1 : 0) };
    lo = range.hi;
    return range;
  });
}

/** For each worker, whether it gets `size` + 1 leaves; by dynamic programming from the last worker. */
function fewestNodes(
  numLeaves: number,
  numWorkers: number,
  size: number,
  numLarger: number,
): boolean[] {
  const width = numLarger + 1;
  // cost[worker · width + used]: fewest nodes of workers worker..end, `used` larger ones before.
  const cost = new Float64Array((numWorkers + 1) * width).fill(Number.POSITIVE_INFINITY);
  const isLarger = new Uint8Array(numWorkers * width);
  cost[numWorkers * width + numLarger] = 0;
  for (let worker = numWorkers - 1; worker >= 0; worker--) {
    for (let used = Math.min(worker, numLarger); used >= 0; used--) {
      const lo = worker * size + used;
      for (const extra of used < numLarger ? [1, 0] : [0]) {
        const hi = lo + size + extra;
        const rest = defined(cost[(worker + 1) * width + used + extra], "cost of the rest");
        if (hi > numLeaves || rest === Number.POSITIVE_INFINITY) continue;
        const total = rest + coveringNodes({ lo, hi }, numLeaves).length;
        const place = worker * width + used;
        if (total < defined(cost[place], "cost")) {
          cost[place] = total;
          isLarger[place] = extra;
        }
      }
    }
  }
  let used = 0;
  return Array.from({ length: numWorkers }, (_, worker) => {
    const larger = isLarger[worker * width + used] === 1;
    if (larger) used++;
    return larger;
  });
}
