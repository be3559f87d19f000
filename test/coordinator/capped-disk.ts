import { fstatSync, ftruncateSync, writeSync } from "node:fs";
import type { LineFileLayer } from "../../src/coordinator/line-file.ts";
import { systemError } from "../base/failing-files.ts";

/** Real files on a disk that has room for so many bytes, as a full one takes them: in part, then none. */
export class CappedDisk implements LineFileLayer {
  room: number;
  canTruncate: boolean = true;

  constructor(room: number) {
    this.room = room;
  }

  write(handle: number, bytes: Uint8Array): number {
    if (this.room === 0) throw systemError("ENOSPC", "write");
    const taken = writeSync(handle, bytes.subarray(0, this.room));
    this.room -= taken;
    return taken;
  }

  truncate(handle: number, bytes: number): void {
    if (!this.canTruncate) throw systemError("EIO", "ftruncate");
    this.room += fstatSync(handle).size - bytes;
    ftruncateSync(handle, bytes);
  }
}
