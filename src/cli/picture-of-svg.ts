import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { TrainerError } from "../base/errors.ts";

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
];
const BROWSER_MS = 60_000;

/**
 * A picture of an SVG as PNG, in its light colours, made by an installed browser.
 *
 * @throws {TrainerError} ERR_USAGE without a browser, ERR_WRITE when it does not draw.
 */
export async function pictureOfSvg(svg: string): Promise<Uint8Array> {
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
