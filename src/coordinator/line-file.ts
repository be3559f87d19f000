import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import type { Log } from "../base/log.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";

const syncData = promisify(fdatasync);

/** A file of one JSON object a line, appended to and cut at its end alone. */
export class LineFile {
  readonly #path: string;
  readonly #log: Log;
  #handle: number | undefined;
  #hasFailed: boolean = false;
  /** Whether the disk may lack some of what was written. */
  #isDirty: boolean = false;
  #syncing: Promise<void> | undefined;

  /** @throws {TrainerError} ERR_WRITE when it cannot be opened. */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    try {
      this.#handle = openSync(path, "a");
    } catch (error) {
      throw asWriteError(path, error);
    }
  }

  /**
   * Appends a line, which outlives this process from then on; `sync` lets it outlive the machine. A full
   * disk must not end a run that computes: the first failure is told, and later lines are tried again.
   */
  append(line: object): void {
    if (this.#handle === undefined) return;
    const text = `${JSON.stringify(line)}\n`;
    try {
      // Synchronous: a line is there before anything that follows it is done. What a full disk took
      // of a former line must not be glued to this one.
      writeSync(this.#handle, this.#hasFailed ? `\n${text}` : text);
      this.#hasFailed = false;
      this.#isDirty = true;
    } catch (error) {
      this.#tell(error);
    }
  }

  /**
   * Cuts the file before the first line that `isKept` refuses, and half a line that a crash has left
   * at the end. At once: nothing is ever half cut.
   *
   * @throws {TrainerError} ERR_WRITE.
   */
  cut(isKept: (line: Readonly<Record<string, unknown>>) => boolean): void {
    if (this.#handle === undefined) return;
    const bytes = readFileSync(this.#path);
    let begin = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, begin);
      if (end === -1) break;
      const line = parsed(bytes.toString("utf8", begin, end));
      if (line !== undefined && !isKept(line)) break;
      begin = end + 1;
    }
    if (begin === bytes.length) return;
    try {
      ftruncateSync(this.#handle, begin);
      fdatasyncSync(this.#handle);
    } catch (error) {
      throw asWriteError(this.#path, error);
    }
  }

  /** Waits until the disk has all lines appended so far. */
  async sync(): Promise<void> {
    const before = this.#syncing;
    await before;
    // Another caller has begun one meanwhile, which takes our lines along.
    if (this.#syncing !== before) return this.#syncing;
    if (!this.#isDirty || this.#handle === undefined) return;
    this.#isDirty = false;
    this.#syncing = syncData(this.#handle).catch((error: unknown) => this.#tell(error));
    await this.#syncing;
  }

  /** Closes the file once the disk has all of it. */
  async close(): Promise<void> {
    await this.sync();
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #tell(error: unknown): void {
    const failure = asWriteError(this.#path, error);
    const message = failure instanceof Error ? failure.message : String(failure);
    if (!this.#hasFailed) this.#log.warn(message);
    this.#hasFailed = true;
  }
}

const NEWLINE = 10;

/** The objects of a file of lines; none when there is no file. Broken lines are left out. */
export function readLines(path: string): readonly Readonly<Record<string, unknown>>[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .map(parsed)
    .filter((line) => line !== undefined);
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
