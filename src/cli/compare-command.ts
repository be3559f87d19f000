import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { parse } from "yaml";
import { TrainerError } from "../base/errors.ts";
import { availableCores, threadsPerWorker } from "../launcher/devices.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import { planRuns } from "../study/plan-runs.ts";
import { readStudy } from "../study/read-study.ts";
import type { Study } from "../study/study.ts";
import { withText } from "../study/with-text.ts";
import { conductStudy, type StudyProgress } from "./conduct-study.ts";
import { repeated, wholeNumber } from "./option-values.ts";
import { ProgressLine } from "./progress-line.ts";
import { EXIT_INTERRUPTED, stopOnInterrupt } from "./stop-signal.ts";
import { writeStudyReport } from "./write-study-report.ts";

interface CompareOptions {
  readonly out: string;
  readonly quick?: boolean;
  readonly text?: readonly string[];
  readonly workers?: number;
  readonly workersPerRun: number;
  readonly reportOnly?: boolean;
  readonly dryRun?: boolean;
}

const STUDIES = fileURLToPath(new URL("../../studies/", import.meta.url));
const DEFAULT_STUDY = "smallinitemb";

/** `smallinit compare`: trains every arm of a study and reports. */
export function addCompareCommand(program: Command): void {
  program
    .command("compare")
    .description("train every arm of a study side by side, and report what the comparison says")
    .argument("[study]", "a shipped study's name, or a YAML or JSON file", DEFAULT_STUDY)
    .requiredOption("--out <dir>", "folder for data, runs and report; a study there is continued")
    .option("--quick", "the study's short form: a few minutes on two cores")
    .option(
      "--text <file>",
      "do it on this text as well, with every tokenizer of the study; repeatable",
      repeated,
    )
    .option(
      "--workers <n>",
      "workers at the same time, on this machine (default: one per core)",
      wholeNumber(1, MAX_WORKERS),
    )
    .option("--workers-per-run <n>", "workers of one run", wholeNumber(1, MAX_WORKERS), 1)
    .option("--report-only", "start no run: report on those that are there")
    .option("--dry-run", "name the runs and end")
    .addHelpText(
      "after",
      "\nExample:\n  smallinit compare --quick --out studies/first\n" +
        "\nCtrl-C stops after a checkpoint of each run; the same command goes on, also after a crash.\n" +
        "OUT gets report.html, report.md, runs.csv, results.json and figures/*.svg.\n",
    )
    .action(compare);
}

async function compare(wanted: string, options: CompareOptions): Promise<void> {
  const study = withText(await loadStudy(wanted, options.quick === true), options.text ?? []);
  if (options.dryRun === true) {
    for (const { name } of planRuns(study)) process.stdout.write(`${name}\n`);
    return;
  }
  const line = new ProgressLine();
  const { log } = line;
  if (options.reportOnly !== true) {
    const stopSignal = stopOnInterrupt(() =>
      line.print("Stopping after a checkpoint of each run; press Ctrl-C again to end at once."),
    );
    const numCores = await availableCores();
    const { workersPerRun } = options;
    const numSlots = Math.max(1, Math.floor((options.workers ?? numCores) / workersPerRun));
    const outcome = await conductStudy({
      ...{ study, out: options.out, numSlots, workersPerRun, log, stopSignal },
      threadsPerWorker: threadsPerWorker(numCores, numSlots * workersPerRun),
      onStatus: (progress) => line.show(progressInWords(progress)),
    }).finally(() => line.end());
    for (const { error } of outcome.failed) {
      const isExpected = error instanceof TrainerError;
      process.stderr.write(`${isExpected ? `${error.code}: ${error.message}` : String(error)}\n`);
    }
    if (outcome.failed.length > 0) process.exitCode = 1;
    else if (stopSignal.aborted) process.exitCode = EXIT_INTERRUPTED;
  }
  const files = await writeStudyReport(study, options.out);
  process.stdout.write(
    `${files.map((file) => `Written:     ${relative(process.cwd(), file)}`).join("\n")}\n`,
  );
}

/** @throws {TrainerError} ERR_STUDY when there is no such study, or it is not well formed. */
async function loadStudy(wanted: string, isQuick: boolean): Promise<Study> {
  const shipped = join(STUDIES, `${wanted}.yaml`);
  const isShipped = basename(wanted) === wanted && existsSync(shipped);
  try {
    return readStudy(parse(await readFile(isShipped ? shipped : wanted, "utf8")), isQuick);
  } catch (cause) {
    if (cause instanceof TrainerError) throw cause;
    const names = (await readdir(STUDIES)).map((file) => basename(file, ".yaml"));
    throw new TrainerError(
      "ERR_STUDY",
      `Cannot read the study ${wanted}: ${(cause as Error).message.split("\n")[0]}. ` +
        `Give a YAML or JSON file, or one of ${names.join(", ")}.`,
      { cause },
    );
  }
}

function progressInWords({ numOver, numRuns, underWay }: StudyProgress): string {
  const runs = underWay.map(({ name, status }) => {
    const loss = status.loss === undefined ? "" : ` loss ${status.loss.toFixed(3)}`;
    return `${name} ${status.step}/${status.steps}${loss}`;
  });
  return [`${numOver}/${numRuns} runs`, ...runs].join(" · ");
}
