import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defined } from "../../src/base/assert.ts";
import { silentLog } from "../../src/base/log.ts";
import { SlotFolder } from "../../src/transport/slot-folder.ts";

/** Whether this machine keeps files in memory; tests of slots are skipped elsewhere, by name. */
export const hasSharedMemory = SlotFolder.open({ log: silentLog }) !== undefined;

/** What the name of a skipped test says. */
export const NEEDS_SHARED_MEMORY = "(needs /dev/shm)";

/** A slot folder of its own, and the folder that it is in. */
export interface OwnSlotFolder extends Disposable {
  readonly slotFolder: SlotFolder;
  readonly parent: string;
}

/** Makes a slot folder that nobody else uses, for the time of a test. */
export function ownSlotFolder(): OwnSlotFolder {
  const parent = mkdtempSync("/dev/shm/smallinit-test-");
  return {
    parent,
    slotFolder: defined(SlotFolder.open({ log: silentLog, parent }), "a slot folder"),
    [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** Where `folder` keeps its files. */
export function pathIn({ parent }: OwnSlotFolder): string {
  return join(parent, `smallinit-${process.getuid?.()}`);
}
