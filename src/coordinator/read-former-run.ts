import { join } from "node:path";
import { positionOf } from "./journal-position.ts";
import { readLines } from "./line-file.ts";
import type { RunRecord } from "./run-effects.ts";
import { RUN_FILES } from "./run-folder.ts";

/** What the files of a run say of the starts before this one. */
export interface FormerRun {
  /** Starts so far; 0: the run is new. */
  readonly numStarts: number;
  /** Local workers that were started again. */
  readonly numWorkerRestarts: number;
  /** Whether the newest start came to its end: nobody waits for the run to go on. */
  readonly hasEnded: boolean;
  /** Steps committed: the last row of metrics says so. */
  readonly step: number;
  /** The generation in which the newest of them was; undefined: the files do not say. */
  readonly committedIn: number | undefined;
  /** The last of the steps that the run has gone back from; 0: it never has. */
  readonly voidThrough: number;
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
  /** Lines that a killed coordinator had not written to events.jsonl yet. */
  readonly missing: readonly RunRecord[];
}

/** A line of a file, parsed and not checked. */
type Line = Readonly<Record<string, unknown>>;

/** Reads metrics.jsonl and events.jsonl. Lines that a crash has broken are passed over. */
export function readFormerRun(runFolder: string): FormerRun {
  const linesOf = (file: string) => readLines(join(runFolder, file));
  return formerRunOf(linesOf(RUN_FILES.metrics), linesOf(RUN_FILES.events));
}

/** What the lines of metrics.jsonl and events.jsonl say. */
export function formerRunOf(metrics: readonly Line[], events: readonly Line[]): FormerRun {
  const ofType = (type: string) => events.filter((event) => event.type === type);
  // The loss of a skipped step is null.
  const lastRow = metrics.findLast((row) => "loss" in row);
  const lastLoss = metrics.findLast((row) => typeof row.loss === "number" && !("skipped" in row));
  const lastEvaluation = metrics.findLast((row) => typeof row.validationLoss === "number");
  const lastFleet = ofType("generation").at(-1);
  const lastPosition = events.findLast((event) => positionOf(event) !== undefined);
  const step = Math.max(numberOf(lastRow?.step) ?? 0, gapEnd(events));
  const ids = ofType("joined").map(({ workerId }) => numberOf(workerId) ?? -1);
  return {
    numStarts: ofType("start").length,
    numWorkerRestarts: ofType("worker-restart").length,
    hasEnded: events.findLast(({ type }) => type === "start" || type === "end")?.type === "end",
    step,
    committedIn: generationOf(lastPosition, step),
    voidThrough: Math.max(0, ...ofType("rewind").map(({ from }) => numberOf(from) ?? 0)),
    trainLoss: numberOf(lastLoss?.loss),
    validationLoss: numberOf(lastEvaluation?.validationLoss),
    evaluatedStep: numberOf(lastEvaluation?.step) ?? -1,
    generation: numberOf(lastFleet?.generation) ?? 0,
    nextWorkerId: Math.max(-1, ...ids) + 1,
    memberIds: lastFleet === undefined ? [] : membersLeft(events, lastFleet),
    missing: missingRecords(lastPosition, step),
  };
}

function membersLeft(events: readonly Line[], fleet: Line): readonly number[] {
  const after = events.slice(events.indexOf(fleet));
  const lost = new Set(after.flatMap((one) => (one.type === "lost" ? [one.workerId] : [])));
  const members: readonly unknown[] = Array.isArray(fleet.members) ? fleet.members : [];
  return members.flatMap((id) => (typeof id === "number" && !lost.has(id) ? [id] : []));
}

/**
 * Where the workers were ahead of the files, rows are missing for good: the steps up to this one count
 * without them, unless the run went back since.
 */
function gapEnd(events: readonly Line[]): number {
  let end = 0;
  for (const event of events) {
    if (event.type === "journal-gap") end = positionOf(event) ?? 0;
    else if (event.type === "rewind") end = Math.min(end, positionOf(event) ?? 0);
  }
  return end;
}

/**
 * The lines that a killed coordinator has left out of events.jsonl: after them, the commits in that file
 * end where the rows of metrics.jsonl do.
 */
function missingRecords(last: Line | undefined, step: number): readonly RunRecord[] {
  const from = positionOf(last ?? {}) ?? 0;
  if (last?.type === "leaves" && from < step) {
    const { generation, leaves } = last;
    return [{ type: "commits", from, to: step, generation, leaves }];
  }
  if (from > step) return [{ type: "rewind", step, from }];
  // Rows without a word about their leaves: the disk has lost that, with its machine's power.
  return from < step ? [{ type: "journal-gap", from, to: step }] : [];
}

/** In which generation the step before `step` was committed, by the last line that says how many are. */
function generationOf(last: Line | undefined, step: number): number | undefined {
  if (last === undefined) return undefined;
  const position = positionOf(last) ?? 0;
  const isOfStep = last.type === "leaves" ? position < step : position === step;
  return isOfStep ? numberOf(last.generation) : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
