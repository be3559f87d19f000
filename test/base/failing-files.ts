import type { FileHandle } from "node:fs/promises";
import { type FileLayer, systemFiles } from "../../src/base/file-layer.ts";

/** What makes an operation fail. */
export interface Failure {
  /** Number of the first operation that fails, from 0. */
  readonly at: number;
  /** Every later one fails as well: what a killed process looks like to its files. */
  readonly forever: boolean;
  /** The system's code, for example "ENOSPC". */
  readonly code: string;
}

/** Real files whose operations are counted, and fail as told. */
export interface FailingFiles extends FileLayer {
  /** The operations so far, for example "rename". */
  readonly operations: readonly string[];
}

/** The files of this machine, with a failure to come; without one, only counted. */
export function failingFiles(failure?: Failure): FailingFiles {
  const operations: string[] = [];

  function counted<A extends unknown[], R>(
    name: string,
    operation: (...args: A) => Promise<R>,
  ): (...args: A) => Promise<R> {
    return async (...args) => {
      const index = operations.length;
      operations.push(name);
      const fails = failure && (failure.forever ? index >= failure.at : index === failure.at);
      if (fails) throw systemError(failure.code, name);
      return operation(...args);
    };
  }
  function handle(file: FileHandle): FileHandle {
    const writeFile = counted("write", (bytes: Uint8Array) => file.writeFile(bytes));
    // Counted, not done: a test reads what it wrote without the disk, and waiting for it is slow.
    const sync = counted("sync", () => Promise.resolve());
    return { writeFile, sync, close: () => file.close() } as unknown as FileHandle;
  }
  return {
    operations,
    mkdir: counted("mkdir", systemFiles.mkdir) as FileLayer["mkdir"],
    readdir: counted("readdir", systemFiles.readdir) as FileLayer["readdir"],
    rename: counted("rename", systemFiles.rename),
    rm: counted("rm", systemFiles.rm),
    open: counted("open", async (...args: Parameters<FileLayer["open"]>) =>
      handle(await systemFiles.open(...args)),
    ),
  };
}

/** What a failed system call throws. */
export function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: injected, ${syscall}`), { code, syscall });
}
