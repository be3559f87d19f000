import { record, type Turn, update } from "./turn.ts";

/** `late-frames` lines of events.jsonl are as far apart at least. */
const TOLD_EVERY_MS = 10_000;

/** Frames of past moments were refused: expected where members change, and a sign of trouble elsewhere. */
export function noteLateFrames(turn: Turn, numFrames: number): void {
  const { lateFrames } = turn.state;
  if (numFrames === 0) return;
  update(turn, { lateFrames: { ...lateFrames, numFrames: lateFrames.numFrames + numFrames } });
}

/** Tells events.jsonl of them, from time to time. */
export function tellLateFrames(turn: Turn): void {
  const { numFrames, numTold, toldMs } = turn.state.lateFrames;
  if (numFrames === numTold || turn.nowMs - toldMs < TOLD_EVERY_MS) return;
  const { step } = turn.state;
  record(turn, { type: "late-frames", step, frames: numFrames - numTold, inAll: numFrames });
  update(turn, { lateFrames: { numFrames, numTold: numFrames, toldMs: turn.nowMs } });
}
