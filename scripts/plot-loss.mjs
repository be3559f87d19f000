// Draws the loss curves of runs as one SVG: npm run build && node scripts/plot-loss.mjs OUT.svg RUN_FOLDER...
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { drawFigure } from "../dist/plots/draw-figure.js";

const [out, ...runFolders] = process.argv.slice(2);
if (out === undefined || runFolders.length === 0) {
  console.error("Usage: node scripts/plot-loss.mjs OUT.svg RUN_FOLDER...");
  process.exit(2);
}

/** Steps of the running mean: one step's loss is mostly noise. */
const WINDOW = 25;

const runs = runFolders.map((folder) => {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return { name: basename(folder), rows: lines.map((line) => JSON.parse(line)) };
});
const curves = runs.flatMap(({ name, rows }) => {
  const training = rows.filter(({ loss }) => loss !== undefined);
  const validation = rows.filter(({ validationLoss }) => validationLoss !== undefined);
  return [
    {
      series: `${name} training`,
      points: training.map(({ step }, i) => ({
        x: step,
        y: mean(training.slice(Math.max(0, i - WINDOW + 1), i + 1).map(({ loss }) => loss)),
      })),
    },
    {
      series: `${name} validation`,
      points: validation.map(({ step, validationLoss }) => ({ x: step, y: validationLoss })),
      hasDots: true,
    },
  ];
});
const ends = runs.map(({ name, rows }) => {
  const last = rows.findLast(({ validationLoss }) => validationLoss !== undefined);
  return `${name} ends at a validation loss of ${last?.validationLoss.toFixed(3) ?? "none"}.`;
});
const svg = await drawFigure({
  title: "Loss against steps",
  conclusion: ends.join(" "),
  series: curves.map(({ series }) => ({ name: series, title: series })),
  panels: [
    {
      ...{ type: "curves", title: "", curves },
      x: { label: "step" },
      y: { label: "loss (nats per token)", type: "log" },
    },
  ],
  note: `Training: mean over the last ${WINDOW} steps. Validation: the whole validation part.`,
  numColumns: 1,
});
writeFileSync(out, svg);

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
