import { defined } from "../base/assert.ts";
import type { RunEffect, RunRecord } from "./run-effects.ts";
import type { RunState, Standing } from "./run-state.ts";

/**
 * One transition while it is being worked out: handlers replace `state` and append to `effects`. It
 * never leaves `transition`, which therefore stays a pure function.
 */
export interface Turn {
  state: RunState;
  readonly effects: RunEffect[];
  readonly nowMs: number;
}

/** Replaces some fields of the state. */
export function update(turn: Turn, changes: Partial<RunState>): void {
  turn.state = { ...turn.state, ...changes };
}

/** Appends an effect. */
export function emit(turn: Turn, effect: RunEffect): void {
  turn.effects.push(effect);
}

/** Appends a line to events.jsonl. */
export function record(turn: Turn, line: RunRecord): void {
  emit(turn, { type: "record", record: line });
}

/** Tells the user. */
export function say(turn: Turn, text: string, level: "info" | "warn" = "info"): void {
  emit(turn, { type: "log", level, text });
}

/** Moves a worker to another standing. */
export function setStanding(turn: Turn, workerId: number, standing: Standing): void {
  const entry = defined(turn.state.workers.get(workerId), `worker ${workerId}`);
  update(turn, { workers: withEntry(turn.state.workers, workerId, { ...entry, standing }) });
}

/** For people: "worker 3 (host-b/4711)". */
export function nameOf(state: RunState, workerId: number): string {
  const name = state.workers.get(workerId)?.name;
  return name === undefined ? `worker ${workerId}` : `worker ${workerId} (${name})`;
}

/** A copy of `map` with one more, or another, entry. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

/** A copy of `map` without `key`. */
export function withoutEntry<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** A copy of `set` without `value`. */
export function withoutValue<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  const copy = new Set(set);
  copy.delete(value);
  return copy;
}
