import { mkdir } from "node:fs/promises";
import { arch, cpus, platform } from "node:os";
import { join } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { asWriteError } from "../base/write-error.ts";
import { openDataFolder } from "../data/open-data-folder.ts";
import { textStatistics } from "../data/text-statistics.ts";
import { drawFigure } from "../plots/draw-figure.ts";
import { collectRuns, hasCorpus } from "../study/collect-results.ts";
import { planRuns } from "../study/plan-runs.ts";
import { reportCsv } from "../study/report-csv.ts";
import { reportFigures } from "../study/report-figures.ts";
import { reportMarkdown } from "../study/report-markdown.ts";
import { reportPage } from "../study/report-page.ts";
import type { Study } from "../study/study.ts";
import { dataFolderOf, STUDY_FOLDERS } from "../study/study-folder.ts";
import type { CorpusFacts, StudyResults } from "../study/study-results.ts";

/**
 * Writes what a study's runs gave, as far as they are there: results.json, and all that is made of it.
 *
 * @returns the paths of the files, figures as their folder.
 * @throws {TrainerError} ERR_WRITE, and those of the data folders.
 */
export async function writeStudyReport(study: Study, out: string): Promise<readonly string[]> {
  const results = await collectResults(study, out);
  const figures = reportFigures(results);
  const figureFolder = join(out, STUDY_FOLDERS.figures);
  try {
    await mkdir(figureFolder, { recursive: true });
  } catch (error) {
    throw asWriteError(figureFolder, error);
  }
  const drawn = [];
  for (const { name, figure } of figures) {
    const svg = await drawFigure(figure);
    await writeFileAtomically(join(figureFolder, `${name}.svg`), svg);
    drawn.push({ name, svg });
  }
  const markdown = reportMarkdown(results, { figures, figureFolder: STUDY_FOLDERS.figures });
  const files = {
    "report.html": reportPage(results, drawn),
    "report.md": `# ${study.title}\n\n${markdown}\n`,
    "runs.csv": reportCsv(results),
    "results.json": resultsJson(results),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFileAtomically(join(out, name), content);
  }
  return [...Object.keys(files).map((name) => join(out, name)), figureFolder];
}

async function collectResults(study: Study, out: string): Promise<StudyResults> {
  const corpora: CorpusFacts[] = [];
  for (const { name } of study.corpora) {
    if (!hasCorpus(out, name)) continue;
    await using data = await openDataFolder(dataFolderOf(out, name), { checksums: false });
    const { uniformLoss, unigramLoss } = await textStatistics(data);
    corpora.push({
      ...{ name, vocabSize: data.vocabSize, uniformLoss, unigramLoss },
      trainTokens: data.train.numTokens,
      validationTokens: data.validation.numTokens,
    });
  }
  const runs = collectRuns(study, out);
  return { study, machine: machineInWords(), corpora, numPlanned: planRuns(study).length, runs };
}

/** A run to a line, so that a new result changes few of them. */
function resultsJson({ runs, ...rest }: StudyResults): string {
  const head = JSON.stringify(rest, undefined, 1).slice(0, -2);
  const lines = runs.map((run) => JSON.stringify(run)).join(",\n");
  return `${head},\n "runs": [\n${lines}\n]}\n`;
}

function machineInWords(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "unknown processors";
  return `${processors.length} x ${model}, ${platform()} ${arch()}, Node ${process.versions.node}`;
}
