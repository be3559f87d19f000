import { assert } from "../../src/base/assert.ts";
import type { RunEffect } from "../../src/coordinator/run-effects.ts";
import type { RunState } from "../../src/coordinator/run-state.ts";

/** What must hold after every event, whatever happens. */
export function checkTransition(
  before: RunState,
  after: RunState,
  effects: readonly RunEffect[],
): void {
  assert(after.generation >= before.generation, "a generation went back");
  for (const effect of effects) {
    if (effect.type !== "assign") continue;
    const { generation, members, ranges } = effect;
    assert(generation === after.generation, "an assignment of another generation");
    assert(members.length === ranges.length, "a range for each member");
    let covered = 0;
    for (const { lo, hi } of ranges) {
      assert(lo === covered && hi >= lo, "leaves are assigned in order, without gaps");
      covered = hi;
    }
    assert(covered === after.plan.numLeaves, "every leaf is assigned");
  }
}
