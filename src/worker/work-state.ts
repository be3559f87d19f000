import { assert, assertNever, defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { othersOf } from "../collective/others-of.ts";
import type { Assign, Commit, Evaluate, Form, Moment, SendSnapshot } from "../protocol/messages.ts";

/** What the compute thread has been asked and how far it is. A value: pure functions make new ones. */
export interface WorkState {
  readonly generation: number;
  /** Updates done. */
  readonly step: number;
  /** This worker's index among the members; -1: not a member. */
  readonly memberIndex: number;
  /** Assignments of this generation, by step. */
  readonly assigned: ReadonlyMap<number, Assign>;
  readonly attempt: Attempt;
  /** Whether the fold's buffers have leaves of `step`, computed in this attempt or in a former one. */
  readonly hasLeaves: boolean;
  /** Exchanges of generations before this one read no partial any more. */
  readonly letGo: number;
  /** Leaves of others in the current attempt that are still to be computed, to compare. */
  readonly numAudits: number;
  readonly commit: Commit | undefined;
  readonly evaluations: readonly Evaluate[];
  /** Steps after which a snapshot was asked for, and not taken yet. */
  readonly snapshots: readonly number[];
  /** The step whose sum lies there for an update by oneself, to catch up with the members. */
  readonly replay: number | undefined;
  /** What a snapshot that is on its way out is read from. */
  readonly leaving: Leaving;
  /** The coordinator is lost: what it said is finished, then told what is held. */
  readonly isOrphan: boolean;
  /** Of the fleet, now over, in which `ready` was said for `step`, while `sum` still holds that sum. */
  readonly sumGeneration: number | undefined;
}

/** How far the current step is. */
export type Attempt = "none" | "computing" | "exchanging" | "summed" | "ready";

/** No update may change the vectors while they are read, nor while it is not said that a copy is. */
export type Leaving = "nothing" | "vectors" | "copying" | "copy";

/** What the compute thread does next. */
export type Task =
  | { readonly type: "update"; readonly commit: Commit }
  /** Lets the state be read and sent. */
  | { readonly type: "snapshot"; readonly step: number }
  /** Puts a copy aside of what has not been read yet, so that an update can change the vectors. */
  | { readonly type: "copy" }
  /** Updates with the sum of a step that others have committed. */
  | { readonly type: "replay"; readonly step: number }
  /** Opens the exchange and the fold of a step. */
  | { readonly type: "begin"; readonly assign: Assign }
  /** Computes the fold's next leaf. */
  | { readonly type: "leaf" }
  /** Computes the next leaf of others, to compare. */
  | { readonly type: "audit" }
  /** Computes the norm of the sum and reports. */
  | { readonly type: "report" }
  | { readonly type: "evaluate"; readonly evaluate: Evaluate }
  /** Gives up the fleet, and tells what is held. */
  | { readonly type: "hold" };

/** The state of a worker that holds the parameters of `step` and is no member yet. */
export function initialWorkState(step: number): WorkState {
  return {
    ...{ generation: 0, step, memberIndex: -1, assigned: new Map(), attempt: "none" },
    ...{ hasLeaves: false, letGo: 0, numAudits: 0 },
    ...{ commit: undefined, evaluations: [], replay: undefined },
    ...{ snapshots: [], leaving: "nothing" },
    ...{ isOrphan: false, sumGeneration: undefined },
  };
}

/** What the coordinator asks, taken in. */
export function take(
  state: WorkState,
  message: Form | Assign | Commit | Evaluate | SendSnapshot,
  workerId: number,
): WorkState {
  switch (message.type) {
    case "form":
      return onForm(state, message, workerId);
    case "assign":
      if (message.generation !== state.generation) return state;
      return { ...state, assigned: new Map(state.assigned).set(message.step, message) };
    case "commit":
      return onCommit(state, message);
    case "evaluate":
      return { ...state, evaluations: [...state.evaluations, message] };
    case "send-snapshot":
      return { ...state, snapshots: [...state.snapshots, message.step] };
    default:
      return assertNever(message);
  }
}

/** The coordinator is lost: a commit that was heard still counts, all else that it asked does not. */
export function orphaned(state: WorkState): WorkState {
  return { ...state, isOrphan: true, assigned: new Map(), evaluations: [], snapshots: [] };
}

/**
 * A new generation ends the attempt under way. A commit that was sent before still counts: its sum
 * lies in the buffer until the next exchange is opened.
 */
function onForm(state: WorkState, form: Form, workerId: number): WorkState {
  const stepThen = state.step + (state.commit === undefined ? 0 : 1);
  if (form.step !== stepThen) {
    throw new TrainerError(
      "ERR_PROTOCOL",
      `Generation ${form.generation} begins at step ${form.step}, but this worker is at step ` +
        `${stepThen}. Check that all run one version.`,
    );
  }
  return {
    ...state,
    generation: form.generation,
    memberIndex: form.members.findIndex((member) => member.workerId === workerId),
    assigned: new Map(),
    attempt: state.commit === undefined ? "none" : state.attempt,
  };
}

function onCommit(state: WorkState, commit: Commit): WorkState {
  const { generation, step, attempt } = state;
  if (commit.generation !== generation || commit.step !== step || attempt !== "ready") {
    throw new TrainerError(
      "ERR_PROTOCOL",
      `The coordinator committed step ${commit.step} of generation ${commit.generation}, but this ` +
        `worker is ${attempt} at step ${step} of generation ${generation}.`,
    );
  }
  return { ...state, commit };
}

/** All leaves of the current step are done. */
export function leavesDone(state: WorkState): WorkState {
  assert(state.attempt === "computing", `leaves done while ${state.attempt}`);
  return { ...state, attempt: "exchanging" };
}

/** The exchange of a moment has ended; one of a former moment changes nothing. */
export function takeSum(state: WorkState, { generation, step }: Moment): WorkState {
  const isCurrent = generation === state.generation && step === state.step;
  return isCurrent && state.attempt === "exchanging" ? { ...state, attempt: "summed" } : state;
}

/** The exchanges of generations before this one have let go of the partials' buffers. */
export function takeLetGo(state: WorkState, generation: number): WorkState {
  return { ...state, letGo: Math.max(state.letGo, generation) };
}

/** The sum of a step that others have committed lies there. Not for members, nor for another step. */
export function takeReplay(state: WorkState, step: number): WorkState {
  if (state.memberIndex === -1 && state.step === step) {
    return { ...state, replay: step, sumGeneration: undefined };
  }
  const who = state.memberIndex === -1 ? "this worker" : "this worker, a member,";
  throw new TrainerError(
    "ERR_PROTOCOL",
    `The sum of step ${step} came for catching up, but ${who} is at step ${state.step}. Check that all ` +
      "run one version.",
  );
}

/** The snapshot is not read from the vectors any more. */
export function takeSecured(state: WorkState): WorkState {
  return state.leaving === "copying" ? { ...state, leaving: "copy" } : state;
}

/** The snapshot has left. */
export function takeSnapshotSent(state: WorkState): WorkState {
  return { ...state, leaving: "nothing" };
}

/**
 * What to do next; undefined when there is nothing but to wait.
 *
 * A snapshot of this step comes before the update that would end it; words to those who wait come
 * before work of one's own.
 */
export function nextTask(state: WorkState): Task | undefined {
  const { commit, snapshots, evaluations, attempt, step, leaving, replay } = state;
  if (replay !== undefined) return { type: "replay", step: replay };
  if (state.isOrphan) return commit === undefined ? { type: "hold" } : updateTask(state, commit);
  if (snapshots.includes(step) && leaving === "nothing") return { type: "snapshot", step };
  if (commit !== undefined) return updateTask(state, commit);
  // While the exchange is under way; a report has what all audits have found.
  const isPastLeaves = attempt === "exchanging" || attempt === "summed";
  if (isPastLeaves && state.numAudits > 0) return { type: "audit" };
  if (attempt === "summed") return { type: "report" };
  const evaluate = evaluations[0];
  if (evaluate !== undefined) return { type: "evaluate", evaluate };
  if (attempt === "computing") return { type: "leaf" };
  const assign = state.assigned.get(step);
  // A former generation's exchange may still send from the buffers that leaves go into.
  if (state.letGo < state.generation) return undefined;
  if (attempt === "none" && assign !== undefined) return { type: "begin", assign };
  return undefined;
}

/** An update, or what has to come before it; undefined while that is waited for. */
function updateTask({ leaving }: WorkState, commit: Commit): Task | undefined {
  if (leaving === "copying") return undefined;
  return leaving === "vectors" ? { type: "copy" } : { type: "update", commit };
}

/** The state after a task. */
export function taskDone(state: WorkState, task: Task): WorkState {
  switch (task.type) {
    case "snapshot": {
      const snapshots = state.snapshots.filter((step) => step !== task.step);
      return { ...state, snapshots, leaving: "vectors" };
    }
    case "copy":
      return { ...state, leaving: "copying" };
    case "replay":
      return { ...state, step: state.step + 1, replay: undefined };
    case "update": {
      const assigned = new Map(state.assigned);
      assigned.delete(state.step);
      const step = state.step + 1;
      const none = { commit: undefined, sumGeneration: undefined, hasLeaves: false };
      return { ...state, assigned, step, attempt: "none", ...none };
    }
    case "begin": {
      const { audit = [], ranges } = task.assign;
      const range = defined(ranges[state.memberIndex], "this member's leaves");
      const numAudits = othersOf(audit, range).length;
      // The exchange takes the buffer of the sum.
      const none = { sumGeneration: undefined, hasLeaves: true };
      return { ...state, attempt: "computing", ...none, numAudits };
    }
    case "audit":
      return { ...state, numAudits: state.numAudits - 1 };
    case "leaf":
      return state;
    case "report":
      return { ...state, attempt: "ready" };
    case "evaluate":
      return { ...state, evaluations: state.evaluations.filter((one) => one !== task.evaluate) };
    case "hold": {
      const sumGeneration = state.attempt === "ready" ? state.generation : state.sumGeneration;
      return { ...initialWorkState(state.step), sumGeneration };
    }
    default:
      return assertNever(task);
  }
}
