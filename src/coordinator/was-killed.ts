import { resolve } from "node:path";
import type { Configuration } from "../configuration/configuration.ts";
import { readFormerRun } from "./read-former-run.ts";
import { readRunConfiguration } from "./run-folder.ts";

/**
 * Whether a folder holds this very run, and its last start has not come to its end: then the command that
 * started it, given again by a supervisor, goes on with it. A run that has ended, or another one, does
 * not get steps added by accident.
 */
export async function wasKilled(
  runFolder: string,
  wanted: { readonly configuration: Configuration; readonly dataFolder: string },
): Promise<boolean> {
  // Without a configuration that can be read there is no run; the check of the folder says the rest.
  const kept = await readRunConfiguration(runFolder).catch(() => undefined);
  if (kept === undefined || kept.dataFolder !== resolve(wanted.dataFolder)) return false;
  if (JSON.stringify(kept.configuration) !== JSON.stringify(wanted.configuration)) return false;
  const { numStarts, hasEnded } = readFormerRun(runFolder);
  return numStarts > 0 && !hasEnded;
}
