import { join } from "node:path";
import type { FileLayer } from "../base/file-layer.ts";
import { RETIRED_SUFFIX, UNFINISHED_SUFFIX } from "./checkpoint-folders.ts";

/**
 * Clears away what a crash left among a run's checkpoints: unfinished folders, and those that were
 * about to be replaced or deleted. One whose successor never got its name gets it back.
 *
 * @param parent the folder of the checkpoints; only their one writer may call this.
 */
export async function removeLeavings(parent: string, files: FileLayer): Promise<void> {
  const names = await files.readdir(parent);
  for (const name of names) {
    if (!/^step-\d+\.\w+$/.test(name)) continue;
    const path = join(parent, name);
    if (name.endsWith(UNFINISHED_SUFFIX)) await files.rm(path, { recursive: true, force: true });
    if (!name.endsWith(RETIRED_SUFFIX)) continue;
    const successor = name.slice(0, -RETIRED_SUFFIX.length);
    if (names.includes(successor)) await files.rm(path, { recursive: true, force: true });
    else await files.rename(path, join(parent, successor));
  }
}
