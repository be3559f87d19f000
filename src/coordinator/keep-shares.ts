import { defined } from "../base/assert.ts";
import { medianOf } from "../base/median.ts";
import { type FormerShare, growRanges, remainingMs } from "../collective/grow-ranges.ts";
import type { LeafRange } from "../protocol/messages.ts";
import type { RunState } from "./run-state.ts";

/**
 * What the members have of the current step, by worker, when they form a new generation and do it again:
 * all of their leaves where they have said so, else as many as they compute in the time since it could begin.
 * Nothing of a step in which a leaf is suspect.
 */
export function sharesToKeep(state: RunState, nowMs: number): RunState["kept"] {
  const { step, members, assigned, kept, suspicion, computed, stepSinceMs } = state;
  if (suspicion?.step === step) return new Map();
  const ranges = assigned.get(step);
  // Lost again before the step was assigned again: what was kept then still is.
  if (ranges === undefined) return kept;
  return new Map(
    members.map((workerId, i) => {
      const range = defined(ranges[i], "a member's leaves");
      const size = range.hi - range.lo;
      const leafMs = medianOf(state.leafMs.get(workerId) ?? []);
      const since = leafMs === undefined ? 0 : Math.floor((nowMs - stepSinceMs) / leafMs);
      const before = kept.get(workerId)?.numDone ?? 0;
      const numDone = computed.has(workerId) ? size : Math.min(size, before + since);
      return [workerId, { range, numDone }];
    }),
  );
}

/**
 * How the leaves of the current step are divided when it is done again: everybody keeps its range, and the
 * lost members' leaves go to their neighbours, unless the usual division leaves the slowest less to do; early in
 * a step it does. With joiners, the usual one.
 */
export function divideAgain(state: RunState, usual: readonly LeafRange[]): readonly LeafRange[] {
  const { plan, members, kept } = state;
  // Where bits depend on the division, it depends on the number of members alone.
  if (!plan.dividesBySpeed) return usual;
  const shares: readonly FormerShare[] = members.flatMap((id) => kept.get(id) ?? []);
  if (shares.length < members.length) return usual;
  const known = members.map((id) => medianOf(state.leafMs.get(id) ?? []));
  const usualMs = medianOf(known.filter((ms) => ms !== undefined)) ?? 1;
  const msPerLeaf = known.map((ms) => ms ?? usualMs);
  const redivision = { numLeaves: plan.numLeaves, shares, msPerLeaf };
  const grown = growRanges(redivision);
  return remainingMs(grown, redivision) <= remainingMs(usual, redivision) ? grown : usual;
}
