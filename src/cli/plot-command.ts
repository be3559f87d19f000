import { extname } from "node:path";
import { type Command, Option } from "commander";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { TrainerError } from "../base/errors.ts";
import { drawInTerminal } from "../plots/draw-in-terminal.ts";
import type { Figure } from "../plots/figure.ts";
import { wholeNumber } from "./option-values.ts";
import { pictureOfSvg } from "./picture-of-svg.ts";
import { HORIZONTAL, METRICS, runCurves } from "./run-curves.ts";

interface PlotOptions {
  readonly out?: string;
  readonly x: keyof typeof HORIZONTAL;
  readonly metric: keyof typeof METRICS;
  readonly smooth?: number;
}

/** `smallinit plot`: curves of runs, side by side. */
export function addPlotCommand(program: Command): void {
  program
    .command("plot")
    .description("draw the curves of runs side by side: here, or to an SVG or PNG file")
    .argument("<run...>", "run folders; a run that is going on shows what it has so far")
    .option("--out <file>", "FILE.svg or FILE.png (a PNG needs an installed Chromium or Chrome)")
    .addOption(
      new Option("--metric <name>", "what to draw").choices(Object.keys(METRICS)).default("loss"),
    )
    .addOption(
      new Option("--x <name>", "along what").choices(Object.keys(HORIZONTAL)).default("steps"),
    )
    .option(
      "--smooth <n>",
      "steps of the running mean (default: a fiftieth of the longest run)",
      wholeNumber(1, 1e9),
    )
    .addHelpText("after", "\nExample:\n  smallinit plot runs/pre runs/post --out losses.svg\n")
    .action(plot);
}

async function plot(runs: readonly string[], options: PlotOptions): Promise<void> {
  const { out, x, metric, smooth } = options;
  const kind = out === undefined ? undefined : extname(out).toLowerCase();
  if (kind !== undefined && kind !== ".svg" && kind !== ".png") {
    throw new TrainerError("ERR_USAGE", `--out ${out} is neither FILE.svg nor FILE.png.`);
  }
  const figure = runCurves({ runs, x, metric, smooth });
  if (out === undefined) {
    process.stdout.write(`${inTerminal(figure).join("\n")}\n`);
    return;
  }
  const { drawFigure } = await import("../plots/draw-figure.ts");
  const svg = await drawFigure(figure);
  await writeFileAtomically(out, kind === ".svg" ? svg : await pictureOfSvg(svg));
  process.stdout.write(`${out}\n`);
}

function inTerminal(figure: Figure): readonly string[] {
  const [panel] = figure.panels;
  if (panel?.type !== "curves") return [];
  const { isTTY, columns = 80 } = process.stdout;
  const hasColor = isTTY === true && process.env.NO_COLOR === undefined;
  return [
    ...drawInTerminal(panel, figure.series, {
      columns: Math.min(columns, 120),
      rows: 16,
      hasColor,
    }),
    ...figure.conclusion.split("; ").map((line) => `  ${line}`),
    `  ${figure.note}`,
  ];
}
