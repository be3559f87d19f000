import {
  armTitle,
  conditionInWords,
  corpusTitle,
  effectInWords,
  effectMeaning,
  estimateInWords,
  learningInWords,
} from "./in-words.ts";
import { type Judgement, judgeClaims } from "./judge-claims.ts";
import type { NamedFigure } from "./named-figure.ts";
import type { StudyResults } from "./study-results.ts";
import { type Cell, summarizeCells } from "./summarize-cells.ts";

/** What the report's text needs besides the results. */
export interface MarkdownOptions {
  readonly figures: readonly NamedFigure[];
  /** Where the figures' files lie, as seen from the page. */
  readonly figureFolder: string;
}

/** A study's report in Markdown, without a headline: what was run, claims, figures, numbers. */
export function reportMarkdown(results: StudyResults, options: MarkdownOptions): string {
  return [
    results.study.question,
    whatWasRun(results),
    claimTable(results),
    figureImages(options.figures, options.figureFolder),
    cellTable(results),
  ].join("\n\n");
}

/** The figures as images, each with its words for who cannot see it. */
export function figureImages(figures: readonly NamedFigure[], folder: string): string {
  return figures
    .map(({ name, figure }) => `![${figure.title}. ${figure.conclusion}](${folder}/${name}.svg)`)
    .join("\n\n");
}

/** What was trained, on what, and how much of it is over. */
export function whatWasRun(results: StudyResults): string {
  const { study, machine, corpora, numPlanned, runs } = results;
  const settings = Object.entries(study.configuration).map(([key, value]) => `${key} ${value}`);
  const diverged = runs.filter(({ standing }) => standing === "diverged").length;
  return [
    `- ${runs.length} of ${numPlanned} planned runs are over, ${diverged} of them by divergence; seeds ${study.seeds.join(", ")}.`,
    ...corpora.map(
      ({ name, vocabSize, trainTokens, validationTokens, uniformLoss, unigramLoss }) =>
        `- ${corpusTitle(results, name)}: ${vocabSize} token ids, ${trainTokens} training and ${validationTokens} ` +
        `validation tokens. Uniform guessing reaches ${uniformLoss.toFixed(3)} nats per token, token frequencies ${unigramLoss.toFixed(3)}.`,
    ),
    `- All runs: ${settings.join(", ")}; everything else is the default.`,
    ...study.arms.map(({ name, title }) => `- Arm \`${name}\`: ${title}.`),
    `- Computed on ${machine}.`,
  ].join("\n");
}

/** Claims with effects, intervals and verdicts. */
export function claimTable(results: StudyResults): string {
  const judgements = judgeClaims(results);
  if (judgements.length === 0) return "The study makes no claims.";
  const rows = judgements.map((judgement) => {
    const { claim, corpora, verdict, effect } = judgement;
    const where = corpora.map((name) => corpusTitle(results, name)).join(" against ");
    return `| ${claim.statement} | ${where} | **${verdict}** | ${effectInWords(effect, claim)}: ${effectMeaning(claim)}${conditionDetails(judgement)} |`;
  });
  return [
    "| claim | where | verdict | effect (95 % interval) |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function conditionDetails({ claim, byCondition }: Judgement): string {
  const shown = byCondition.filter(({ condition }) => Object.keys(condition).length > 0);
  if (shown.length === 0) return "";
  const details = shown.map(({ condition, effect, against }) => {
    const words =
      effect === undefined || against === undefined
        ? effectInWords(effect, claim)
        : learningInWords(effect, against);
    return `${conditionInWords(condition)}: ${words}`;
  });
  return ` (${details.join("; ")})`;
}

/** Final losses and steps to given losses, a row for each arm under each condition. */
export function cellTable(results: StudyResults): string {
  const rows = summarizeCells(results).map((cell) => {
    const { corpus, condition, arm, runs, validationLoss, numLearned } = cell;
    const loss = validationLoss === undefined ? "none" : estimateInWords(validationLoss, 3);
    return (
      `| ${corpusTitle(results, corpus)} | ${conditionInWords(condition)} | ${armTitle(results, arm)} | ` +
      `${runs.length} | ${numLearned} | ${loss} | ${cell.steps.map(stepsInWords).join("; ")} |`
    );
  });
  return [
    "| corpus | condition | arm | seeds | that learn | final validation loss, nats per token (95 % interval) | steps to a training loss (95 % interval) |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function stepsInWords({ loss, numReached, steps }: Cell["steps"][number]): string {
  if (steps === undefined) return `${loss.toFixed(2)}: never`;
  const count = numReached < steps.count ? ` (${numReached} seeds)` : "";
  return `${loss.toFixed(2)}: ${estimateInWords(steps, 0)}${count}`;
}
