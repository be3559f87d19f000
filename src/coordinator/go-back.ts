import type { RunEffect } from "./run-effects.ts";
import { emit, record, type Turn, update } from "./turn.ts";

/**
 * Makes void the steps after `step`: their rows are cut off, and nobody who still holds one of them is
 * taken for ahead of the journal later.
 */
export function goBack(
  turn: Turn,
  from: number,
  { step, evaluatedStep }: Omit<Extract<RunEffect, { readonly type: "rewind" }>, "type">,
): void {
  update(turn, { voidThrough: Math.max(turn.state.voidThrough, from) });
  emit(turn, { type: "rewind", step, evaluatedStep });
  record(turn, { type: "rewind", step, from });
}
