import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type Command, Option } from "commander";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { TrainerError } from "../base/errors.ts";
import { drawInTerminal } from "../plots/draw-in-terminal.ts";
import type { Figure } from "../plots/figure.ts";
import { wholeNumber } from "./option-values.ts";
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
  await writeFileAtomically(out, kind === ".svg" ? svg : await asPng(svg));
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

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
];
const BROWSER_MS = 60_000;

/** A picture of an SVG, in its light colours, made by an installed browser. */
async function asPng(svg: string): Promise<Uint8Array> {
  const browser = findBrowser();
  if (browser === undefined) {
    throw new TrainerError(
      "ERR_USAGE",
      "A PNG is drawn by Chromium or Chrome, and none of " +
        `${BROWSERS.join(", ")} is in the PATH. Install one, name it in CHROME_PATH, or take --out FILE.svg.`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "smallinit-plot-"));
  try {
    const [page, picture] = [join(folder, "figure.svg"), join(folder, "figure.png")];
    await writeFile(page, svg);
    const [, width = "960", height = "540"] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
    const size = `--window-size=${width},${height}`;
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size];
    const more = [`--user-data-dir=${join(folder, "profile")}`, `--screenshot=${picture}`];
    await promisify(execFile)(
      browser,
      [...args, ...more, "--force-device-scale-factor=2", pathToFileURL(page).href],
      { timeout: BROWSER_MS },
    ).catch((cause: unknown) => {
      throw new TrainerError(
        "ERR_WRITE",
        `${browser} could not draw the picture: ${cause instanceof Error ? cause.message.split("\n")[0] : cause}. ` +
          "Take --out FILE.svg.",
        { cause },
      );
    });
    return await readFile(picture);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function findBrowser(): string | undefined {
  const given = process.env.CHROME_PATH;
  if (given !== undefined && given !== "") return resolve(given);
  const folders = (process.env.PATH ?? "").split(delimiter);
  return BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) =>
    existsSync(path),
  );
}
