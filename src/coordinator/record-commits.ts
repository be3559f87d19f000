import { rangesOf } from "./ranges-of.ts";
import type { CommitRange } from "./run-state.ts";
import { record, type Turn, update } from "./turn.ts";

/** Most commits of one line of events.jsonl. */
const MAX_COMMITS_PER_LINE = 50;

/**
 * Notes that the current step was committed by the current fleet, with the division of its assignment.
 *
 * A `leaves` line says whose the leaves are from this step on before the first of a range counts: so a
 * coordinator that is killed before the range's `commits` line leaves all that the line needs (see
 * `readFormerRun`).
 */
export function noteCommit(turn: Turn): void {
  const { step, generation, members } = turn.state;
  const ranges = rangesOf(turn.state, step);
  const leaves = ranges.map(({ lo, hi }, i) => ({ workerId: members[i], lo, hi }));
  const former = turn.state.unrecorded;
  if (former !== undefined && !isSame(former.leaves, leaves)) recordCommits(turn);
  const { unrecorded } = turn.state;
  if (unrecorded === undefined) {
    record(turn, { type: "leaves", from: step, generation, leaves });
    update(turn, { unrecorded: { from: step, to: step + 1, generation, leaves } });
    return;
  }
  update(turn, { unrecorded: { ...unrecorded, to: step + 1 } });
  if (step + 1 - unrecorded.from >= MAX_COMMITS_PER_LINE) recordCommits(turn);
}

/**
 * Writes the commits noted so far as one line: steps [from, to), each with every leaf computed by
 * exactly one worker. Before anything that could make the division of leaves another.
 */
export function recordCommits(turn: Turn): void {
  const { unrecorded } = turn.state;
  if (unrecorded === undefined) return;
  record(turn, { type: "commits", ...unrecorded });
  update(turn, { unrecorded: undefined });
}

/** Whether the same members have the same leaves. */
function isSame(former: CommitRange["leaves"], leaves: CommitRange["leaves"]): boolean {
  return former.every(({ lo, hi }, i) => lo === leaves[i]?.lo && hi === leaves[i]?.hi);
}
