import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { parse } from "yaml";
import { TrainerError } from "../base/errors.ts";
import { availableCores, threadsPerWorker } from "../launcher/devices.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import { planRuns } from "../study/plan-runs.ts";
import { readStudy } from "../study/read-study.ts";
import type { Study } from "../study/study.ts";
import { withText } from "../study/with-text.ts";
import { conductStudy, type StudyProgress } from "./conduct-study.ts";
import { readAddress, tokenFor } from "./coordinator-command.ts";
import { repeated, wholeNumber } from "./option-values.ts";
import { addPlaceOptions, listenOn, type PlaceOptions } from "./place-options.ts";
import { ProgressLine } from "./progress-line.ts";
import { EXIT_INTERRUPTED, stopOnInterrupt } from "./stop-signal.ts";
import { openStudySession, StudyGroups } from "./study-groups.ts";
import { addTlsOptions, type TlsOptions, tlsChoiceOf } from "./tls-options.ts";
import { writeStudyReport } from "./write-study-report.ts";

interface CompareOptions extends TlsOptions, PlaceOptions {
  readonly listen?: { readonly host: string; readonly port: number };
  readonly groups: number;
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
  const command = program
    .command("compare")
    .description("train every arm of a study side by side, and report what the comparison says");
  addPlaceOptions(addTlsOptions(command), "this machine")
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
    .addOption(
      new Option(
        "--listen <host:port>",
        "start no workers: they come from elsewhere, to this address (default: workers of this machine)",
      )
        .argParser(readAddress)
        .conflicts("workers"),
    )
    .option(
      "--groups <n>",
      "with --listen: runs side by side, on this port and those after it, each with a group of workers",
      wholeNumber(1, MAX_WORKERS),
      1,
    )
    .option("--report-only", "start no run: report on those that are there")
    .option("--dry-run", "name the runs and end")
    .addHelpText(
      "after",
      "\nExample:\n  smallinit compare --quick --out studies/first\n" +
        "\nCtrl-C stops after a checkpoint of each run; the same command goes on, also after a crash.\n" +
        "On a cluster: smallinit compare --listen 0.0.0.0:7117 --groups 4 --out studies/first; it prints what to start\n" +
        "on which host, smallinit worker URL --stay. Probes are made by workers of this machine alone.\n" +
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
    const groups = await groupsOf(options, (text) => line.print(text));
    const numLocal = Math.max(1, Math.floor((options.workers ?? numCores) / workersPerRun));
    const numSlots = groups === undefined ? numLocal : options.groups;
    const outcome = await conductStudy({
      ...{ study, out: options.out, numSlots, workersPerRun, log, stopSignal },
      ...(groups === undefined ? {} : { groups }),
      threadsPerWorker: threadsPerWorker(numCores, numSlots * workersPerRun),
      onStatus: (progress) => line.show(progressInWords(progress)),
    }).finally(() => line.end());
    for (const { error } of outcome.failed) {
      const isExpected = error instanceof TrainerError;
      process.stderr.write(`${isExpected ? `${error.code}: ${error.message}` : String(error)}\n`);
    }
    if (outcome.left.length > 0 && !stopSignal.aborted) {
      process.stderr.write(
        `ERR_TOO_FEW_WORKERS: ${outcome.left.length} run(s) are left, and no group has had its workers ` +
          "for 10 minutes. Start workers and the same command again.\n",
      );
      process.exitCode = 1;
    }
    if (outcome.failed.length > 0) process.exitCode = 1;
    else if (stopSignal.aborted) process.exitCode = EXIT_INTERRUPTED;
  }
  const files = await writeStudyReport(study, options.out);
  process.stdout.write(
    `${files.map((file) => `Written:     ${relative(process.cwd(), file)}`).join("\n")}\n`,
  );
}

/** Where workers from elsewhere join, and what is printed for them; undefined without --listen. */
async function groupsOf(
  options: CompareOptions,
  print: (text: string) => void,
): Promise<StudyGroups | undefined> {
  const { out, listen, workersPerRun } = options;
  if (listen === undefined) return undefined;
  const tls = tlsChoiceOf(options);
  if (tls?.type === "self") {
    throw new TrainerError(
      "ERR_USAGE",
      "Each run would have a certificate of its own, and workers stay for many. Give --tls-cert and --tls-key.",
    );
  }
  const place = { listen: listenOn(listen, options, true) };
  checkPorts(place.listen.port, options);
  await mkdir(out, { recursive: true });
  const token = await openStudySession(out, place, (former) => tokenFor(place.listen.host, former));
  const { advertise } = options;
  return new StudyGroups(
    {
      ...{ ...place, token },
      ...(advertise === undefined ? {} : { advertise }),
      ...(tls === undefined ? {} : { tls }),
    },
    (group, url) =>
      print(
        `Group ${group + 1}, ${workersPerRun} worker(s) a run:  smallinit worker '${url}' --stay`,
      ),
  );
}

/** @throws {TrainerError} ERR_USAGE when the groups have no ports, or nobody knows which to advertise. */
function checkPorts(port: number, { groups, advertise }: CompareOptions): void {
  const highest = Math.max(port, advertise?.port ?? 0) + groups - 1;
  if (highest > 65_535) {
    throw new TrainerError(
      "ERR_USAGE",
      `--groups ${groups} need the ports up to ${highest}, and the last one is 65535. Give a lower one.`,
    );
  }
  if (port === 0 && advertise?.port !== undefined) {
    throw new TrainerError(
      "ERR_USAGE",
      `--advertise ${advertise.host}:${advertise.port} needs to know where it leads: give --listen a port.`,
    );
  }
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
