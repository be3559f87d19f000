/** What is known of a run when it has ended. */
export interface JudgedRun {
  /** The rows of metrics.jsonl. */
  readonly metrics: readonly Line[];
  /** The lines of events.jsonl. */
  readonly events: readonly Line[];
  readonly steps: number;
  /** Leaves per step, M. */
  readonly numLeaves: number;
  /** Of summary.json; undefined without one. */
  readonly status: unknown;
  readonly digest: unknown;
  /** Of the run that nothing disturbed. */
  readonly undisturbedDigest: string;
  /** Names of processes that had to be killed after the end. */
  readonly leftBehind: readonly string[];
}

/** An object of a file of lines. */
export type Line = Readonly<Record<string, unknown>>;

/** A promise and whether it was kept. */
export interface Finding {
  readonly promise: string;
  readonly isKept: boolean;
  /** What was found, with values. */
  readonly detail: string;
}

/** Holds a disturbed run against what is promised. Pure. */
export function judgeRun(run: JudgedRun): readonly Finding[] {
  const { status, digest, undisturbedDigest, leftBehind, steps } = run;
  const rowProblem = problemOfRows(run);
  const leafProblem = problemOfLeaves(run);
  return [
    {
      promise: "the run is completed",
      isKept: status === "completed",
      detail: `its status is ${String(status)}`,
    },
    {
      promise: "the parameters are those of the undisturbed run",
      isKept: digest === undisturbedDigest,
      detail: `${String(digest)}; undisturbed ${undisturbedDigest}`,
    },
    {
      promise: "every step stands once in metrics.jsonl",
      isKept: rowProblem === undefined,
      detail: rowProblem ?? `steps 1 to ${steps}`,
    },
    {
      promise: "every leaf of every step was counted once",
      isKept: leafProblem === undefined,
      detail: leafProblem ?? `${steps} x ${run.numLeaves} leaves in events.jsonl`,
    },
    {
      promise: "no process is left",
      isKept: leftBehind.length === 0,
      detail: leftBehind.length === 0 ? "all ended by themselves" : leftBehind.join(", "),
    },
  ];
}

function problemOfRows({ metrics, steps }: JudgedRun): string | undefined {
  const rows = metrics.filter(({ loss }) => loss !== undefined);
  const wrong = rows.findIndex(({ step }, i) => step !== i + 1);
  if (wrong >= 0) return `row ${wrong + 1} is of step ${String(rows[wrong]?.step)}`;
  return rows.length === steps ? undefined : `there are ${rows.length} rows for ${steps} steps`;
}

/**
 * Reads the commits in their order: one step counts at a time, each with every leaf computed by one
 * worker. A start or a rewind makes void what came after its step. Other lines tell what happened, such
 * as `waiting`, `not-finite` and `worker-restart`, and count nothing.
 */
function problemOfLeaves({ events, steps, numLeaves }: JudgedRun): string | undefined {
  let counted = 0;
  for (const event of events) {
    const { type, step } = event;
    if ((type === "start" || type === "rewind") && typeof step === "number") {
      if (step > counted) return `a ${type} at step ${step}, but only ${counted} were committed`;
      counted = step;
    }
    // Who computed these leaves cannot be told any more.
    if (type === "journal-gap") {
      return `the commits of steps ${String(event.from)} to ${String(event.to)} are missing`;
    }
    if (type !== "commits") continue;
    const { from, to } = event;
    if (from !== counted || typeof to !== "number" || to <= from) {
      return `steps ${String(from)} to ${String(to)} were committed when ${counted} were`;
    }
    const gap = problemOfRanges(event.leaves, numLeaves);
    if (gap !== undefined) return `steps ${String(from)} to ${to}: ${gap}`;
    counted = to;
  }
  return counted === steps ? undefined : `${counted} of ${steps} steps are told`;
}

function problemOfRanges(leaves: unknown, numLeaves: number): string | undefined {
  const ranges = (Array.isArray(leaves) ? leaves : []).map(
    (one: unknown) => Object(one) as Record<string, unknown>,
  );
  ranges.sort((a, b) => Number(a.lo) - Number(b.lo) || Number(a.hi) - Number(b.hi));
  let next = 0;
  for (const { lo, hi, workerId } of ranges) {
    if (lo !== next || typeof hi !== "number") {
      return `worker ${String(workerId)} has leaves ${String(lo)} to ${String(hi)}, ${next} was due`;
    }
    next = hi;
  }
  return next === numLeaves ? undefined : `leaves end at ${next} of ${numLeaves}`;
}
