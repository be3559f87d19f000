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
  checkWrittenAhead(before, effects);
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
    if (!effect.keep) continue;
    assert(effect.step === after.step, "leaves of a step that was not begun before are kept");
    assert(after.suspicion?.step !== after.step, "leaves are kept while one is suspect");
  }
}

/** Whoever is told of a decision hears of it after its line is written. */
function checkWrittenAhead(before: RunState, effects: readonly RunEffect[]): void {
  const written = new Set<string>();
  for (const effect of effects) {
    if (effect.type === "metrics" && "loss" in effect.row) {
      written.add(`commit ${effect.row.step - 1}`);
    } else if (effect.type === "record") {
      const { type, generation, workerId } = effect.record;
      written.add([type, generation ?? workerId ?? ""].join(" "));
    } else {
      const line = lineBefore(before, effect);
      assert(line === undefined || written.has(line), `"${line}" is told before it is written`);
    }
  }
}

/** The line that an effect must not come before; undefined when there is none. */
function lineBefore({ workers }: RunState, effect: RunEffect): string | undefined {
  switch (effect.type) {
    case "send":
      switch (effect.message.type) {
        case "form":
          return `generation ${effect.message.generation}`;
        case "commit":
          return `commit ${effect.message.step}`;
        case "finish":
          return "end ";
        default:
          return undefined;
      }
    case "welcome":
      return `joined ${effect.workerId}`;
    case "drop":
      // A caller that was refused has never been one of the workers.
      return workers.has(effect.workerId) ? `lost ${effect.workerId}` : undefined;
    default:
      return undefined;
  }
}
