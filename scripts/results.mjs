// Writes the generated parts of docs/RESULTS.md and README.md, and their figures, from the committed results of studies,
// docs/results/*.json (each is the results.json of a `smallinit compare`): npm run build && node scripts/results.mjs
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { drawFigure } from "../dist/plots/draw-figure.js";
import { fillBlocks } from "../dist/study/fill-blocks.js";
import { publishedBlocks } from "../dist/study/published-blocks.js";
import { reportFigures } from "../dist/study/report-figures.js";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const blocks = {};
for (const file of readdirSync(`${docs}results`).filter((name) => name.endsWith(".json"))) {
  const results = JSON.parse(readFileSync(`${docs}results/${file}`, "utf8"));
  const name = basename(file, ".json");
  Object.assign(blocks, publishedBlocks(results, `results/${name}`));
  rmSync(`${docs}results/${name}`, { recursive: true, force: true });
  mkdirSync(`${docs}results/${name}`);
  for (const { name: figureName, figure } of reportFigures(results)) {
    writeFileSync(`${docs}results/${name}/${figureName}.svg`, await drawFigure(figure));
  }
}
for (const page of [`${docs}RESULTS.md`, `${docs}../README.md`]) {
  writeFileSync(page, fillBlocks(readFileSync(page, "utf8"), blocks));
}
