import { defined } from "../base/assert.ts";
import { medianOf } from "../base/median.ts";
import { assignLeaves } from "../collective/assign-leaves.ts";
import { balanceLeaves, leastMs, slowestMs } from "../collective/balance-leaves.ts";
import type { LeafRange, Ready } from "../protocol/messages.ts";
import { rangesOf } from "./ranges-of.ts";
import type { RunState } from "./run-state.ts";
import { nameOf, record, say, type Turn, update } from "./turn.ts";
import { medianStepMs } from "./waits.ts";

/** Steps whose leaves make a worker's median: one that is slow for once moves nothing. */
const NUM_MEASURED = 9;

/** Fewer say too little of a worker. */
const NUM_MEASURED_MIN = 5;

/** Leaves are divided anew where the step becomes shorter by more than this part of it. */
const GAIN_MIN = 0.1;

/** Steps for which a division that was chosen stays. */
const STEPS_BETWEEN = 20;

/**
 * How the leaves of the steps that are assigned next are divided: evenly, until a member is so slow, or
 * so fast, that the step would be shorter by more than a tenth. It changes between any two steps and
 * every twenty at most; steps that are assigned already keep theirs, and what belongs to whom in the
 * exchange does not change.
 */
export function divideLeaves(turn: Turn): readonly LeafRange[] {
  const { division, plan, members } = turn.state;
  const ranges = division?.ranges ?? assignLeaves(plan.numLeaves, members.length);
  const better = betterThan(turn.state, ranges);
  if (better !== undefined) {
    tell(turn, ranges, better);
    const keptUntil = turn.state.step + STEPS_BETWEEN;
    update(turn, { division: { ...better, keptUntil } });
    return better.ranges;
  }
  if (division === undefined) update(turn, { division: { ranges, keptUntil: turn.state.step } });
  return ranges;
}

/** Keeps what each member took for a leaf of the step that is committed. */
export function noteLeafTimes(turn: Turn, ready: ReadonlyMap<number, Ready>): void {
  const { state } = turn;
  const ranges = rangesOf(state, state.step);
  const leafMs = new Map(state.leafMs);
  state.members.forEach((workerId, i) => {
    const { lo, hi } = defined(ranges[i], "a member's leaves");
    const report = ready.get(workerId);
    if (report === undefined || hi === lo) return;
    const former = leafMs.get(workerId) ?? [];
    leafMs.set(workerId, [...former, report.computeMs / (hi - lo)].slice(-NUM_MEASURED));
  });
  update(turn, { leafMs });
}

interface Better {
  readonly ranges: readonly LeafRange[];
  /** What each member takes for a leaf, ms. */
  readonly paces: readonly number[];
  /** What the slowest took for its leaves, and will. */
  readonly fromMs: number;
  readonly toMs: number;
}

function betterThan(state: RunState, ranges: readonly LeafRange[]): Better | undefined {
  const { plan, members, division, step } = state;
  if (!plan.dividesBySpeed || members.length === 1 || members.length > plan.numLeaves) return;
  if (division !== undefined && step < division.keptUntil) return;
  const paces = pacesOf(state);
  if (paces === undefined) return;
  const fromMs = slowestMs(ranges, paces);
  // The exchange and the update take their time whoever computes what.
  const leastGainMs = GAIN_MIN * Math.max(fromMs, medianStepMs(state) ?? 0);
  if (fromMs - leastMs(plan.numLeaves, paces) <= leastGainMs) return;
  const best = preferEven(plan.numLeaves, balanceLeaves(plan.numLeaves, paces), paces);
  const toMs = slowestMs(best, paces);
  return fromMs - toMs <= leastGainMs ? undefined : { ranges: best, paces, fromMs, toMs };
}

function preferEven(
  numLeaves: number,
  best: readonly LeafRange[],
  paces: readonly number[],
): readonly LeafRange[] {
  const even = assignLeaves(numLeaves, paces.length);
  return slowestMs(even, paces) <= slowestMs(best, paces) ? even : best;
}

/**
 * What each member takes for a leaf, ms. In a fleet just formed, who has not been measured yet counts as
 * the middle one of the others; later, nothing is known until all have been.
 */
function pacesOf({ members, leafMs, division }: RunState): readonly number[] | undefined {
  const known = members.map((workerId) => {
    const times = leafMs.get(workerId) ?? [];
    return times.length < NUM_MEASURED_MIN ? undefined : medianOf(times);
  });
  const measured = known.filter((ms) => ms !== undefined);
  const usual = medianOf(measured);
  if (usual === undefined) return undefined;
  if (division !== undefined && measured.length < known.length) return undefined;
  return known.map((ms) => ms ?? usual);
}

/** Tells of a new division, and of the member whose share it changes most. */
function tell(turn: Turn, former: readonly LeafRange[], better: Better): void {
  const { members, generation, assignedThrough: step, plan } = turn.state;
  const { ranges, paces, fromMs, toMs } = better;
  const rounded = (ms: number) => Number(ms.toPrecision(3));
  const leaves = members.map((workerId, i) => {
    const { lo, hi } = defined(ranges[i], "a range");
    return { workerId, lo, hi, leafMs: rounded(defined(paces[i], "a pace")) };
  });
  const times = { fromMs: rounded(fromMs), toMs: rounded(toMs) };
  record(turn, { type: "division", step, generation, leaves, ...times });
  const changes = leaves.map(({ lo, hi }, i) => {
    const was = defined(former[i], "a range");
    return Math.abs(hi - lo - (was.hi - was.lo));
  });
  const most = defined(leaves[changes.indexOf(Math.max(...changes))], "a member");
  const others = medianOf(leaves.filter((one) => one !== most).map(({ leafMs }) => leafMs));
  say(
    turn,
    `Step ${step}: ${nameOf(turn.state, most.workerId)} takes ${most.leafMs} ms a leaf, the others ` +
      `${defined(others, "another member")}: it gets ${most.hi - most.lo} of ${plan.numLeaves} leaves.`,
  );
}
