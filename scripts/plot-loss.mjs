// Draws the loss curves of runs as one SVG: node scripts/plot-loss.mjs OUT.svg RUN_FOLDER...
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

const [out, ...runFolders] = process.argv.slice(2);
if (out === undefined || runFolders.length === 0) {
  console.error("Usage: node scripts/plot-loss.mjs OUT.svg RUN_FOLDER...");
  process.exit(2);
}

const rows = runFolders.flatMap((folder) =>
  readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => ({ run: basename(folder), ...JSON.parse(line) })),
);
const training = rows.filter((row) => row.loss !== undefined);
const validation = rows.filter((row) => row.validationLoss !== undefined);

const { document } = parseHTML("<!doctype html><html><body></body></html>");
const svg = Plot.plot({
  document,
  width: 800,
  height: 360,
  marginLeft: 50,
  style: {
    background: "white",
    color: "#222",
    fontSize: "13px",
    fontFamily: "system-ui, sans-serif",
  },
  x: { label: "step", grid: true },
  y: { label: "loss (nats per token)", grid: true, type: "log", ticks: 6, tickFormat: "~g" },
  marks: [
    Plot.lineY(training, { x: "step", y: "loss", z: "run", stroke: "#9ecae1", strokeWidth: 1 }),
    Plot.lineY(
      training,
      Plot.windowY(
        { k: 25, strict: false },
        { x: "step", y: "loss", z: "run", stroke: "#08519c", strokeWidth: 2 },
      ),
    ),
    Plot.lineY(validation, {
      x: "step",
      y: "validationLoss",
      z: "run",
      stroke: "#d95f02",
      strokeWidth: 2,
    }),
    Plot.dot(validation, { x: "step", y: "validationLoss", fill: "#d95f02", r: 4 }),
    Plot.text(
      validation,
      Plot.selectLast({
        x: "step",
        y: "validationLoss",
        z: "run",
        dy: -14,
        textAnchor: "end",
        fill: "#d95f02",
        text: (row) => `validation ${row.validationLoss.toFixed(3)}`,
      }),
    ),
    Plot.text(
      training,
      Plot.selectFirst({
        x: "step",
        y: "loss",
        z: "run",
        dx: 8,
        textAnchor: "start",
        fill: "#08519c",
        text: () => "training, and its mean over 25 steps",
      }),
    ),
  ],
});
svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
writeFileSync(out, `${svg.outerHTML}\n`);
