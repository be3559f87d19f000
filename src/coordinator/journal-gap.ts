import { positionOf } from "./journal-position.ts";
import type { RunRecord } from "./run-effects.ts";

/** Follows which commits the lines of a journal tell of, to name those that it had to drop. */
export class JournalGap {
  /** After the newest line that was kept. */
  #position: number;
  #open: { readonly least: number; readonly to: number; readonly numLines: number } | undefined;

  /** @param position steps that the lines of former starts tell of. */
  constructor(position: number) {
    this.#position = position;
  }

  /** Whether lines were dropped that are not named yet. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** This line is written, or will be. */
  keep(line: Readonly<Record<string, unknown>>): void {
    this.#position = positionOf(line) ?? this.#position;
  }

  /** This one never will. Gives whether it is the first of a gap. */
  drop(line: Readonly<Record<string, unknown>>): boolean {
    const isFirst = this.#open === undefined;
    const { least, to, numLines } = this.#open ?? {
      ...{ least: this.#position, to: this.#position, numLines: 0 },
    };
    const position = positionOf(line) ?? to;
    const lowest = Math.min(least, position);
    this.#open = { least: lowest, to: position, numLines: numLines + 1 };
    return isFirst;
  }

  /**
   * The lines that name what was dropped: a run that has gone back meanwhile did so before the gap, or
   * steps would count whose leaves were counted before.
   */
  close(): readonly RunRecord[] {
    if (this.#open === undefined) return [];
    const { least, to, numLines } = this.#open;
    const from = this.#position;
    const rewind = least < from ? [{ type: "rewind", step: least, from }] : [];
    this.#open = undefined;
    this.#position = to;
    return [...rewind, { type: "journal-gap", from: least, to, numLines }];
  }
}
