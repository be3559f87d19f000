import { existsSync } from "node:fs";
import { join } from "node:path";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { readRunConfiguration } from "../coordinator/run-folder.ts";
import type { RunStatus } from "../coordinator/run-status.ts";
import { demoCorpusFiles } from "../data/demo-corpus-files.ts";
import { openDataFolder } from "../data/open-data-folder.ts";
import { type PlannedRun, planRuns } from "../study/plan-runs.ts";
import { type QueueOutcome, runQueue } from "../study/run-queue.ts";
import { isOver, runStanding } from "../study/run-standing.ts";
import type { Study, StudyCorpus } from "../study/study.ts";
import { dataFolderOf, runFolderOf, STUDY_FOLDERS, tracesOf } from "../study/study-folder.ts";
import { conductRun, type RunRequest, type RunVoice } from "./conduct-run.ts";
import { prepare } from "./prepare-command.ts";
import { configurationFor } from "./settings.ts";
import type { StudyGroups } from "./study-groups.ts";

/** How the runs of a study are conducted. */
export interface StudyConduct {
  readonly study: Study;
  readonly out: string;
  /** Runs side by side. */
  readonly numSlots: number;
  readonly workersPerRun: number;
  /** Where workers from elsewhere join the run of each slot; undefined: they are started here. */
  readonly groups?: StudyGroups;
  /** Threads of each worker's engine. */
  readonly threadsPerWorker: number;
  readonly log: Log;
  /** Told with every step of every run. */
  onStatus(progress: StudyProgress): void;
  readonly stopSignal: AbortSignal;
}

/** How far a study is. */
export interface StudyProgress {
  readonly numOver: number;
  readonly numRuns: number;
  /** The runs under way. */
  readonly underWay: readonly { readonly name: string; readonly status: RunStatus }[];
}

/**
 * Does what is left of a study: prepares the corpora that are not there, starts the runs that are
 * missing, resumes those that were begun.
 *
 * @throws {TrainerError} ERR_STUDY when a run in `out` was made with other settings; those of the
 *   settings, of the corpora and of the data.
 */
export async function conductStudy(conduct: StudyConduct): Promise<QueueOutcome<PlannedRun>> {
  const { study, out, log } = conduct;
  for (const corpus of study.corpora) await prepareCorpus(corpus, dataFolderOf(out, corpus.name));
  const configurations = await configurationsOf(study, out);
  const runs = planRuns(study);
  for (const run of runs) await checkSameSettings(out, run, configurations);
  const left = runs.filter((run) => !isOver(runStanding(tracesOf(runFolderOf(out, run)))));
  const underWay = new Map<string, RunStatus>();
  let numOver = runs.length - left.length;
  const threads =
    conduct.groups === undefined ? ` of ${conduct.threadsPerWorker} thread(s)` : " from elsewhere";
  log.info(
    `${runs.length} runs, ${numOver} of them over; ${conduct.numSlots} side by side, each with ` +
      `${conduct.workersPerRun} worker(s)${threads}.`,
  );
  return runQueue({
    items: left,
    numSlots: conduct.numSlots,
    signal: conduct.stopSignal,
    work: (run, slot) => conductOne(run, slot),
    // Nobody came to this group: others may have workers.
    isOfSlot: (error) => conduct.groups !== undefined && isOfTooFewWorkers(error),
  });

  async function conductOne(run: PlannedRun, slot: number): Promise<void> {
    const folder = runFolderOf(out, run);
    const isResume = runStanding(tracesOf(folder)) === "begun";
    const request: RunRequest = {
      ...{ data: dataFolderOf(out, run.corpus), run: folder, isResume },
      configuration: configurations(run),
      ...(conduct.groups?.doorOf(slot) ?? { listen: { host: "127.0.0.1", port: 0 } }),
      minWorkers: conduct.workersPerRun,
      numLocalWorkers: conduct.groups === undefined ? conduct.workersPerRun : 0,
      workerArguments: [
        ...["--threads", String(conduct.threadsPerWorker)],
        ...["--probes", join(folder, STUDY_FOLDERS.probes)],
      ],
    };
    const voice: RunVoice = {
      log: {
        info: () => undefined,
        warn: (message) => log.warn(`${run.name}: ${message}`),
      },
      show(status) {
        underWay.set(run.name, status);
        const shown = [...underWay].map(([name, status_]) => ({ name, status: status_ }));
        conduct.onStatus({ numOver, numRuns: runs.length, underWay: shown });
      },
      end: () => underWay.delete(run.name),
      stopSignal: conduct.stopSignal,
    };
    const { summary } = await conductRun(request, voice);
    const standing = runStanding(tracesOf(folder));
    const { status, steps, validationLoss, error } = summary;
    if (isOver(standing)) {
      numOver++;
      const loss = validationLoss === null ? "none" : validationLoss.toFixed(4);
      log.info(`${numOver}/${runs.length} ${run.name}: ${standing}, validation loss ${loss}`);
    } else if (status === "failed") {
      const isLeft = error?.code === "ERR_TOO_FEW_WORKERS";
      throw new TrainerError(
        isLeft ? "ERR_TOO_FEW_WORKERS" : "ERR_RUN_ENDED",
        `${run.name} failed after ${steps} steps: ${error?.message ?? "no reason was given"}`,
      );
    }
  }
}

function isOfTooFewWorkers(error: unknown): boolean {
  return error instanceof TrainerError && error.code === "ERR_TOO_FEW_WORKERS";
}

async function prepareCorpus(corpus: StudyCorpus, folder: string): Promise<void> {
  if (existsSync(join(folder, "manifest.json"))) return;
  const { source, tokenizer, validation, split, vocabSize } = corpus;
  await prepare(source === "demo" ? await demoCorpusFiles() : source, {
    ...{ out: folder, tokenizer, validation, split },
    ...(vocabSize === undefined ? {} : { vocabSize }),
  });
}

/** The complete configuration of each run; all are checked before the first begins. */
async function configurationsOf(
  study: Study,
  out: string,
): Promise<(run: PlannedRun) => Configuration> {
  const sizes = new Map<string, number>();
  for (const { name } of study.corpora) {
    await using data = await openDataFolder(dataFolderOf(out, name));
    sizes.set(name, data.vocabSize);
  }
  const configurationOf = (run: PlannedRun) =>
    configurationFor(run.settings, sizes.get(run.corpus) ?? 0);
  for (const run of planRuns(study)) configurationOf(run);
  return configurationOf;
}

async function checkSameSettings(
  out: string,
  run: PlannedRun,
  configurationOf: (run: PlannedRun) => Configuration,
): Promise<void> {
  const folder = runFolderOf(out, run);
  if (!tracesOf(folder).isBegun) return;
  const { configuration: former } = await readRunConfiguration(folder);
  const wanted = configurationOf(run);
  const changed = Object.keys(wanted).filter(
    (key) => wanted[key as keyof Configuration] !== former[key as keyof Configuration],
  );
  const [key] = changed as (keyof Configuration)[];
  if (key === undefined) return;
  throw new TrainerError(
    "ERR_STUDY",
    `${folder} holds a run with ${key} ${former[key]}, but the study now says ${wanted[key]}. ` +
      "Give a new folder with --out, or remove that run.",
  );
}
