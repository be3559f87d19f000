import { join } from "node:path";
import { readLines } from "./line-file.ts";
import { RUN_FILES } from "./run-folder.ts";
import type { CommitRange } from "./run-state.ts";

/** What the files of a run say of the starts before this one. */
export interface FormerRun {
  /** Starts so far; 0: the run is new. */
  readonly numStarts: number;
  /** Whether the newest start came to its end: nobody waits for the run to go on. */
  readonly hasEnded: boolean;
  /** Steps committed: those with a row of metrics. */
  readonly step: number;
  readonly trainLoss: number | undefined;
  readonly validationLoss: number | undefined;
  /** The step of the newest evaluation; -1: none. */
  readonly evaluatedStep: number;
  /** The newest membership number; 0: no fleet was ever formed. */
  readonly generation: number;
  /** Ids that were never given to a worker begin here. */
  readonly nextWorkerId: number;
  /** Members of the newest fleet who were not lost. */
  readonly memberIds: readonly number[];
  /** Commits that a killed coordinator had not written to events.jsonl yet. */
  readonly unrecorded: CommitRange | undefined;
}

type Line = Readonly<Record<string, unknown>>;

/** Reads metrics.jsonl and events.jsonl. Lines that a crash has broken are passed over. */
export function readFormerRun(runFolder: string): FormerRun {
  const metrics = readLines(join(runFolder, RUN_FILES.metrics));
  const events = readLines(join(runFolder, RUN_FILES.events));
  const ofType = (type: string) => events.filter((event) => event.type === type);
  const lastRow = metrics.findLast((row) => typeof row.loss === "number");
  const lastEvaluation = metrics.findLast((row) => typeof row.validationLoss === "number");
  const lastFleet = ofType("generation").at(-1);
  const step = numberOf(lastRow?.step) ?? 0;
  const ids = ofType("joined").map(({ workerId }) => numberOf(workerId) ?? -1);
  return {
    numStarts: ofType("start").length,
    hasEnded: events.findLast(({ type }) => type === "start" || type === "end")?.type === "end",
    step,
    trainLoss: numberOf(lastRow?.loss),
    validationLoss: numberOf(lastEvaluation?.validationLoss),
    evaluatedStep: numberOf(lastEvaluation?.step) ?? -1,
    generation: numberOf(lastFleet?.generation) ?? 0,
    nextWorkerId: Math.max(-1, ...ids) + 1,
    memberIds: lastFleet === undefined ? [] : membersLeft(events, lastFleet),
    unrecorded: unrecordedCommits(events, step),
  };
}

function membersLeft(events: readonly Line[], fleet: Line): readonly number[] {
  const after = events.slice(events.indexOf(fleet));
  const lost = new Set(after.flatMap((one) => (one.type === "lost" ? [one.workerId] : [])));
  const members: readonly unknown[] = Array.isArray(fleet.members) ? fleet.members : [];
  return members.flatMap((id) => (typeof id === "number" && !lost.has(id) ? [id] : []));
}

/** A range whose `leaves` line is there and whose `commits` line is not reaches to the last row. */
function unrecordedCommits(events: readonly Line[], step: number): CommitRange | undefined {
  const last = events.findLast(({ type }) => BOUNDARIES.has(String(type)));
  if (last?.type !== "leaves" || !Array.isArray(last.leaves)) return undefined;
  const from = numberOf(last.from) ?? step;
  const leaves: CommitRange["leaves"] = last.leaves;
  const generation = numberOf(last.generation) ?? 0;
  return from < step ? { from, to: step, generation, leaves } : undefined;
}

/** After one of these, commits before are recorded or void. */
const BOUNDARIES = new Set(["leaves", "commits", "rewind", "start", "end"]);

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
