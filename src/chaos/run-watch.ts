import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

/** A row of metrics.jsonl that tells of a committed step. */
export interface WatchedCommit {
  /** Updates done, this one included. */
  readonly step: number;
  readonly stepMs: number;
}

/** Reads a run's metrics while they are written, from outside. */
export class RunWatch {
  readonly #path: string;
  #inode: number | undefined;
  #offset = 0;
  #rest = "";
  #step = 0;

  constructor(runFolder: string) {
    this.#path = join(runFolder, "metrics.jsonl");
  }

  /** The newest committed step; less than before when the run went back. */
  get step(): number {
    return this.#step;
  }

  /** What has been committed since the last call; all of it again after the file was rewritten. */
  poll(): readonly WatchedCommit[] {
    let file: number;
    try {
      file = openSync(this.#path, "r");
    } catch {
      // Not there yet: the run has not begun.
      return [];
    }
    try {
      const { ino, size } = fstatSync(file);
      const isRewritten = ino !== this.#inode || size < this.#offset;
      if (isRewritten) [this.#inode, this.#offset, this.#rest] = [ino, 0, ""];
      const commits = this.#take(file, size);
      const newest = commits.at(-1);
      if (newest !== undefined) this.#step = newest.step;
      return commits;
    } finally {
      closeSync(file);
    }
  }

  #take(file: number, size: number): readonly WatchedCommit[] {
    const bytes = Buffer.alloc(size - this.#offset);
    this.#offset += readSync(file, bytes, 0, bytes.byteLength, this.#offset);
    const lines = (this.#rest + bytes.toString()).split("\n");
    // The last piece is empty, or a line that is being written.
    this.#rest = lines.pop() ?? "";
    return lines.flatMap(commitOf);
  }
}

function commitOf(line: string): readonly WatchedCommit[] {
  const row: unknown = JSON.parse(line);
  const { step, stepMs, loss } = Object(row) as Record<string, unknown>;
  if (loss === undefined || typeof step !== "number" || typeof stepMs !== "number") return [];
  return [{ step, stepMs }];
}
