import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RUN_FILES } from "../coordinator/run-folder.ts";
import type { PlannedRun } from "./plan-runs.ts";
import type { RunTraces } from "./run-standing.ts";

/** Names of the folders in a study's folder, and of the probes' in a run's. */
export const STUDY_FOLDERS = {
  data: "data",
  runs: "runs",
  figures: "figures",
  probes: "probes",
} as const;

/** Where a run of a study lies. */
export function runFolderOf(out: string, { name }: PlannedRun): string {
  return join(out, STUDY_FOLDERS.runs, ...name.split("/"));
}

/** Where a corpus of a study lies. */
export function dataFolderOf(out: string, corpusName: string): string {
  return join(out, STUDY_FOLDERS.data, corpusName);
}

/** What the folder of a run holds of how far it is. A summary that is not whole is none. */
export function tracesOf(runFolder: string): RunTraces {
  return {
    isBegun: existsSync(join(runFolder, RUN_FILES.configuration)),
    summary: readSummary(join(runFolder, RUN_FILES.summary)),
  };
}

function readSummary(path: string): RunTraces["summary"] {
  if (!existsSync(path)) return undefined;
  const { status, error } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return {
    status: String(status),
    ...(code === undefined ? {} : { error: { code: String(code) } }),
  };
}
