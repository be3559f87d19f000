import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LineFile } from "./line-file.ts";

/**
 * What may wait in memory for a disk that is full: about fifty thousand steps. More would take from the
 * memory of workers on the same machine.
 */
export const WAITING_BYTES_MAX = 16 * 2 ** 20;

/** A line that the disk has not taken. */
interface WaitingLine {
  readonly file: LineFile;
  readonly text: string;
  readonly bytes: number;
  readonly line: Readonly<Record<string, unknown>>;
}

/**
 * Appends lines to several files, in one order: when the disk does not take one, that and all later
 * ones, of whichever file, wait in memory and are tried again. So what the files say together is always
 * what they said at some moment of the run.
 */
export class LineQueue {
  readonly #log: Log;
  readonly #bytesMax: number;
  #waiting: WaitingLine[] = [];
  #bytes = 0;
  /** Whether the log was told that lines wait. */
  #isFull: boolean = false;
  /** Those written since. */
  #numWaited = 0;

  constructor(log: Log, bytesMax: number = WAITING_BYTES_MAX) {
    this.#log = log;
    this.#bytesMax = bytesMax;
  }

  /** Lines that wait for the disk. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Writes a line, or lets it wait. Synchronous.
   *
   * @returns false when it is dropped, since too many wait.
   */
  append(file: LineFile, line: Readonly<Record<string, unknown>>): boolean {
    const text = `${JSON.stringify(line)}\n`;
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#bytesMax && !this.flush()) return false;
    this.#waiting.push({ file, text, bytes, line });
    this.#bytes += bytes;
    this.flush();
    return true;
  }

  /** Tries to write what waits. Gives whether nothing waits any more. */
  flush(): boolean {
    if (this.#waiting.length === 0) return true;
    let numWritten = 0;
    try {
      for (const { file, text, bytes } of this.#waiting) {
        file.append(text);
        this.#bytes -= bytes;
        numWritten++;
      }
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      this.#tellOfFailure(error);
    }
    this.#waiting.splice(0, numWritten);
    if (this.#isFull) this.#tellOfEnd(numWritten);
    return this.#waiting.length === 0;
  }

  /** Cuts a file, those of its lines that wait included: see `LineFile.cut`. @throws {TrainerError} ERR_WRITE. */
  cut(file: LineFile, isKept: (line: Readonly<Record<string, unknown>>) => boolean): void {
    let isRefused = file.cut(isKept);
    this.#waiting = this.#waiting.filter((one) => {
      if (one.file !== file) return true;
      isRefused ||= !isKept(one.line);
      return !isRefused;
    });
    this.#bytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #tellOfFailure({ message }: TrainerError): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const mebibytes = this.#bytesMax / 2 ** 20;
    this.#log.warn(
      `${message} The run goes on: its lines wait in memory, up to ${mebibytes} MiB, and are written ` +
        "as soon as there is room.",
    );
  }

  #tellOfEnd(numWritten: number): void {
    this.#numWaited += numWritten;
    if (this.#waiting.length > 0) return;
    this.#log.info(`There is room again: ${this.#numWaited} line(s) that waited are written.`);
    this.#isFull = false;
    this.#numWaited = 0;
  }
}
