import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawFigure } from "../../src/plots/draw-figure.ts";
import { reportFigures } from "../../src/study/report-figures.ts";
import { reportPage } from "../../src/study/report-page.ts";
import { isRequired } from "../is-required.ts";
import { sampleResults } from "../study/sample-results.ts";

const CANDIDATES = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const CHROMIUM = CANDIDATES.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path));

/** Looks at the page from inside: what overlaps its edge, and how large the figures are. */
const PROBE = `<script>addEventListener("load", () => {
  const width = document.documentElement.clientWidth;
  const figures = [...document.querySelectorAll("svg.figure")].map((svg) => {
    const frame = svg.getBoundingClientRect();
    const outside = [...svg.querySelectorAll("text")].filter((text) => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
    });
    return { width: frame.width, outside: outside.map((text) => text.textContent) };
  });
  const overflow = document.documentElement.scrollWidth - width;
  const background = getComputedStyle(document.querySelector("svg.figure rect")).fill;
  document.title = JSON.stringify({ overflow, figures, background });
});</script>`;

describe.skipIf(CHROMIUM === undefined && !isRequired("chromium"))("the report in chromium", () => {
  let folder: string;
  let page: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "smallinit-report-"));
    page = join(folder, "report.html");
    const results = sampleResults({ char: 1.5, bpe: 2 });
    const drawn = await Promise.all(
      reportFigures(results).map(async ({ name, figure }) => ({
        name,
        svg: await drawFigure(figure),
      })),
    );
    writeFileSync(page, `${reportPage(results, drawn)}${PROBE}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function chromium(...args: string[]): string {
    const fixed = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      `--user-data-dir=${folder}/profile`,
    ];
    return execFileSync(CHROMIUM ?? "chromium", [...fixed, ...args, pathToFileURL(page).href], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  }

  test.each([
    // Chromium's own numbers of the two preferences.
    ["light", 1, "rgb(255, 255, 255)"],
    ["dark", 0, "rgb(21, 24, 29)"],
  ])("shows every text inside its figure, on a %s ground", (_, preference, background) => {
    const html = chromium(
      ...["--dump-dom", "--window-size=1100,3000"],
      `--blink-settings=preferredColorScheme=${preference}`,
    );
    const found = JSON.parse(
      (/<title>(?<json>.*?)<\/title>/.exec(html)?.groups?.json ?? "").replaceAll("&amp;", "&"),
    );
    expect(found.overflow).toBeLessThanOrEqual(0);
    expect(found.figures).toHaveLength(8);
    for (const figure of found.figures) {
      expect(figure.outside).toEqual([]);
      expect(figure.width).toBeGreaterThan(900);
    }
    expect(found.background).toBe(background);
  });

  test("fits a telephone", () => {
    const html = chromium("--dump-dom", "--window-size=500,2000");
    const found = JSON.parse(
      (/<title>(?<json>.*?)<\/title>/.exec(html)?.groups?.json ?? "").replaceAll("&amp;", "&"),
    );
    expect(found.overflow).toBeLessThanOrEqual(0);
  });

  test("can be photographed", () => {
    const picture = join(folder, "report.png");
    chromium(`--screenshot=${picture}`, "--window-size=1100,3000", "--hide-scrollbars");
    // An empty page of this size has some 13 kB.
    expect(statSync(picture).size).toBeGreaterThan(100_000);
  });
});
