import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import type { Log } from "../base/log.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";

const syncData = promisify(fdatasync);

/** The operations that a full disk lets fail: an argument, so that a test can have one. */
export interface LineFileLayer {
  /** Appends, and gives how many bytes were taken. */
  write(handle: number, bytes: Uint8Array): number;
  truncate(handle: number, bytes: number): void;
}

const SYSTEM_LAYER: LineFileLayer = {
  write: (handle, bytes) => writeSync(handle, bytes),
  truncate: ftruncateSync,
};

/** A file of one JSON object a line, appended to and cut at its end alone. */
export class LineFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #layer: LineFileLayer;
  #handle: number | undefined;
  /** Of the whole lines. */
  #bytes: number;
  /** Whether a part of a line follows them, which could not be cut off yet. */
  #isTorn: boolean = false;
  #hasSyncFailed: boolean = false;
  /** Whether the disk may lack some of what was written. */
  #isDirty: boolean = false;
  #syncing: Promise<void> | undefined;

  /** @throws {TrainerError} ERR_WRITE when it cannot be opened. */
  constructor(path: string, log: Log, layer: LineFileLayer = SYSTEM_LAYER) {
    this.#path = path;
    this.#log = log;
    this.#layer = layer;
    try {
      this.#handle = openSync(path, "a");
      this.#bytes = fstatSync(this.#handle).size;
    } catch (error) {
      throw asWriteError(path, error);
    }
  }

  /**
   * Appends a line, which outlives this process from then on; `sync` lets it outlive the machine.
   *
   * @param text with its newline.
   * @throws {TrainerError} ERR_WRITE when the disk does not take all of it: the file is as before.
   */
  append(text: string): void {
    if (this.#handle === undefined) return;
    const bytes = Buffer.from(text);
    try {
      // What a full disk took of a former line must not be glued to this one.
      if (this.#isTorn) this.#mend(this.#handle);
      // Synchronous: a line is there before anything that follows it is done.
      this.#writeAll(this.#handle, bytes);
    } catch (error) {
      throw asWriteError(this.#path, error);
    }
    this.#bytes += bytes.byteLength;
    this.#isDirty = true;
  }

  /** A disk that is nearly full takes a part, and says so at the rest. */
  #writeAll(handle: number, bytes: Uint8Array): void {
    let taken = 0;
    try {
      while (taken < bytes.byteLength) {
        const rest = bytes.subarray(taken);
        this.#isTorn = true;
        taken += this.#layer.write(handle, rest);
      }
      this.#isTorn = false;
    } catch (error) {
      if (taken === 0) this.#isTorn = false;
      else this.#tryToMend(handle);
      throw error;
    }
  }

  #tryToMend(handle: number): void {
    try {
      this.#mend(handle);
    } catch {
      // It stays torn, and is mended before the next line.
    }
  }

  #mend(handle: number): void {
    this.#layer.truncate(handle, this.#bytes);
    this.#isTorn = false;
  }

  /**
   * Cuts the file before the first line that `isKept` refuses, and half a line that a crash has left
   * at the end. At once: nothing is ever half cut.
   *
   * @returns whether a whole line was refused.
   * @throws {TrainerError} ERR_WRITE.
   */
  cut(isKept: (line: Readonly<Record<string, unknown>>) => boolean): boolean {
    if (this.#handle === undefined) return false;
    const bytes = readFileSync(this.#path);
    let begin = 0;
    let isRefused = false;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, begin);
      if (end === -1) break;
      const line = parsed(bytes.toString("utf8", begin, end));
      isRefused = line !== undefined && !isKept(line);
      if (isRefused) break;
      begin = end + 1;
    }
    if (begin === bytes.length) return false;
    try {
      this.#layer.truncate(this.#handle, begin);
      fdatasyncSync(this.#handle);
    } catch (error) {
      throw asWriteError(this.#path, error);
    }
    this.#bytes = begin;
    this.#isTorn = false;
    return isRefused;
  }

  /** Waits until the disk has all lines appended so far. A failure is told, once. */
  async sync(): Promise<void> {
    const before = this.#syncing;
    await before;
    // Another caller has begun one meanwhile, which takes our lines along.
    if (this.#syncing !== before) return this.#syncing;
    if (!this.#isDirty || this.#handle === undefined) return;
    this.#isDirty = false;
    this.#syncing = syncData(this.#handle).then(
      () => {
        this.#hasSyncFailed = false;
      },
      (error: unknown) => this.#tell(error),
    );
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
    if (!this.#hasSyncFailed) this.#log.warn(message);
    this.#hasSyncFailed = true;
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
