import { defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import type { RunState } from "./run-state.ts";

/** Whose the leaves of a step under way are, in the order of the members. */
export function rangesOf({ assigned }: RunState, step: number): readonly LeafRange[] {
  return defined(assigned.get(step), `the division of step ${step}`);
}
