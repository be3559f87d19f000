import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { writeFileAtomically } from "../base/atomic-file.ts";
import type { Log } from "../base/log.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";

/** A file of one JSON object a line, only ever appended to. */
export class LineFile {
  readonly #path: string;
  readonly #log: Log;
  #handle: number | undefined;
  #hasFailed = false;
  /** Lines that came while the file was being rewritten. */
  #waiting: string[] | undefined;

  /** @throws {TrainerError} ERR_WRITE when it cannot be opened. */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#open();
  }

  /**
   * Appends a line. A full disk must not end a run that computes: the first failure is told, and later
   * lines are tried again.
   */
  append(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    if (this.#waiting === undefined) this.#write(text);
    else this.#waiting.push(text);
  }

  /** Keeps only the lines that `isKept` accepts; broken lines, left by a crash, go as well. */
  async filter(isKept: (line: Readonly<Record<string, unknown>>) => boolean): Promise<void> {
    this.close();
    this.#waiting = [];
    const kept = readLines(this.#path).filter(isKept);
    await writeFileAtomically(this.#path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
    this.#open();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const text of waiting) this.#write(text);
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #write(text: string): void {
    if (this.#handle === undefined) return;
    try {
      // Synchronous: a line is there when the step after it begins, and in order.
      writeSync(this.#handle, text);
      this.#hasFailed = false;
    } catch (error) {
      const failure = asWriteError(this.#path, error);
      const message = failure instanceof Error ? failure.message : String(failure);
      if (!this.#hasFailed) this.#log.warn(message);
      this.#hasFailed = true;
    }
  }

  #open(): void {
    try {
      this.#handle = openSync(this.#path, "a");
    } catch (error) {
      throw asWriteError(this.#path, error);
    }
  }
}

/** The objects of a file of lines; none when there is no file. Broken lines are left out. */
export function readLines(path: string): readonly Readonly<Record<string, unknown>>[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === "object" && value !== null ? [{ ...value }] : [];
    } catch {
      return [];
    }
  });
}
