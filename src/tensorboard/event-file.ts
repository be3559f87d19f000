import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { asWriteError } from "../base/write-error.ts";
import { crc32c } from "./crc32c.ts";
import { type EventContent, encodeEvent } from "./event.ts";

/** Where and when a file is written. */
export interface EventFileOptions {
  readonly folder: string;
  readonly hostName: string;
  readonly processId: number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  readonly log: Log;
}

/**
 * A file that TensorBoard reads while it grows. A disk that is full ends the file, not the run: the first failure
 * is told.
 */
export class EventFile {
  readonly path: string;
  readonly #options: EventFileOptions;
  #hasBegun: boolean = false;
  #hasFailed: boolean = false;

  constructor(options: EventFileOptions) {
    const { folder, hostName, processId } = options;
    const seconds = String(Math.floor(options.wallMs() / 1000)).padStart(10, "0");
    this.#options = options;
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostName}.${processId}.smallinit`);
  }

  /** The first event makes folder and file: a run that cannot begin leaves nothing. */
  append(content: EventContent): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#attempt(() => mkdirSync(this.#options.folder, { recursive: true }));
      this.append({ type: "version" });
    }
    const event = encodeEvent(content, this.#options.wallMs() / 1000);
    this.#attempt(() => appendFileSync(this.path, framed(event)));
  }

  #attempt(write: () => void): void {
    if (this.#hasFailed) return;
    try {
      write();
    } catch (cause) {
      this.#hasFailed = true;
      const error = asWriteError(this.path, cause);
      this.#options.log.warn(error instanceof Error ? error.message : String(error));
    }
  }
}

/** A record of TensorFlow's TFRecord format: length, its checksum, data, their checksum. */
function framed(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.byteLength + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, masked(crc32c(record.subarray(0, 8))), true);
  record.set(data, 12);
  view.setUint32(12 + data.byteLength, masked(crc32c(data)), true);
  return record;
}

/** Rotated and shifted, because a checksum of data that hold checksums is a weak one. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
