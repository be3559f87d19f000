import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { machineClock } from "../base/clock.ts";
import { newSpanMemory, SpanRing } from "../base/span-ring.ts";
import { asWriteError } from "../base/write-error.ts";
import { chromeTrace } from "./chrome-trace.ts";
import { formatProfile } from "./format-profile.ts";
import { summarizeProfile } from "./summarize-profile.ts";

/** The spans of a worker's two threads, while it works and after. */
export interface ProfileKeeper {
  readonly compute: SpanRing;
  /** For the communication thread's own ring. */
  readonly communicationMemory: SharedArrayBuffer;
  /**
   * Writes `worker-N.trace.json` and `worker-N.txt` to a folder, which is made when missing.
   *
   * @returns the table in the second.
   * @throws {TrainerError} ERR_WRITE.
   */
  write(folder: string, workerId: number): Promise<string>;
}

/** Begins to keep spans: a few megabytes, which do not grow. */
export function keepProfile(): ProfileKeeper {
  const compute = new SpanRing(newSpanMemory(), machineClock);
  const communicationMemory = newSpanMemory();
  return {
    compute,
    communicationMemory,
    async write(folder, workerId) {
      const communication = new SpanRing(communicationMemory, machineClock).spans();
      const profile = { workerId, compute: compute.spans(), communication };
      const table = formatProfile(workerId, summarizeProfile(profile));
      try {
        await mkdir(folder, { recursive: true });
      } catch (error) {
        throw asWriteError(folder, error);
      }
      const path = join(folder, `worker-${workerId}`);
      await writeFileAtomically(`${path}.trace.json`, JSON.stringify(chromeTrace(profile)));
      await writeFileAtomically(`${path}.txt`, table);
      return table;
    },
  };
}
