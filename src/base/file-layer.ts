import { mkdir, open, readdir, rename, rm } from "node:fs/promises";

/** The operations that change files: an argument, so that a test can let any of them fail. */
export interface FileLayer {
  readonly mkdir: typeof mkdir;
  readonly open: typeof open;
  readonly readdir: typeof readdir;
  readonly rename: typeof rename;
  readonly rm: typeof rm;
}

/** The files of this machine. */
export const systemFiles: FileLayer = { mkdir, open, readdir, rename, rm };
