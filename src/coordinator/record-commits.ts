import { assignLeaves } from "../collective/assign-leaves.ts";
import { record, type Turn, update } from "./turn.ts";

/** Most commits of one line of events.jsonl: what a killed coordinator may leave unsaid. */
const MAX_COMMITS_PER_LINE = 50;

/** Notes that the current step was committed by the current fleet. */
export function noteCommit(turn: Turn): void {
  const { step, generation, unrecorded } = turn.state;
  const from = unrecorded?.from ?? step;
  update(turn, { unrecorded: { from, to: step + 1, generation } });
  if (step + 1 - from >= MAX_COMMITS_PER_LINE) recordCommits(turn);
}

/**
 * Writes the commits noted so far as one line: steps [from, to), each with every leaf computed by
 * exactly one worker. Before anything that could make the division of leaves another.
 */
export function recordCommits(turn: Turn): void {
  const { unrecorded, members, plan } = turn.state;
  if (unrecorded === undefined) return;
  const ranges = assignLeaves(plan.numLeaves, members.length);
  const leaves = ranges.map(({ lo, hi }, i) => ({ workerId: members[i], lo, hi }));
  record(turn, { type: "commits", ...unrecorded, leaves });
  update(turn, { unrecorded: undefined });
}
