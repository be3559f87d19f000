import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** A folder imports only from itself and from folders above it in this list. */
const FOLDERS = [
  "base",
  "configuration",
  "kernels",
  "data",
  "protocol",
  "collective",
  "optimizer",
  "checkpoint",
  "tensorboard",
  "model",
  "compiler",
  "export",
  "engine",
  "transport",
  "worker",
  "coordinator",
  "launcher",
  "doctor",
  "chaos",
  "plots",
  "study",
  "cli",
];

/** Allowed by the order of the list, and forbidden all the same: they meet in `protocol`. */
const STRANGERS: Readonly<Record<string, readonly string[]>> = {
  coordinator: ["worker", "model", "compiler", "engine"],
  launcher: ["worker", "coordinator", "model", "compiler", "engine"],
  doctor: ["worker", "coordinator"],
  chaos: [
    "worker",
    "coordinator",
    "launcher",
    "doctor",
    "model",
    "compiler",
    "engine",
    "transport",
  ],
  plots: ["worker", "coordinator", "launcher", "model", "compiler", "engine", "doctor"],
  study: ["worker", "launcher", "model", "compiler", "engine", "doctor"],
  collective: ["data"],
  transport: ["model", "compiler", "engine", "data"],
};

/** The only folders that may import a package. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  ws: ["transport"],
  msgpackr: ["protocol"],
  commander: ["cli"],
  yaml: ["cli"],
  "@observablehq/plot": ["plots"],
  linkedom: ["plots"],
  "onnxruntime-node": ["engine"],
  "@tensorflow/tfjs-core": ["model", "compiler", "engine"],
  "@tensorflow/tfjs-backend-cpu": ["compiler", "engine"],
  pbf: ["compiler", "tensorboard"],
  "gpt-tokenizer": ["data"],
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.includes(`assembly${sep}`))
  .map((file) => ({ file, folder: file.split(sep)[0] ?? "", text: read(file) }));

describe("architecture", () => {
  test("every folder of src stands in the list", () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(folders.map((entry) => entry.name).sort()).toEqual([...FOLDERS].sort());
  });

  test("a folder imports only from folders above it", () => {
    expect(files.flatMap(forbiddenImports)).toEqual([]);
  });

  test("each package is imported by its own folder alone", () => {
    expect(files.flatMap(forbiddenPackages)).toEqual([]);
  });

  test("the process, its environment and the console are used by the shells alone", () => {
    const uses = files
      .filter(({ folder }) => folder !== "cli" && folder !== "launcher")
      .filter(({ text }) =>
        /\bprocess\.(exit|env|argv)\b|\bconsole\.\w/.test(withoutComments(text)),
      );
    expect(uses.map(({ file }) => file)).toEqual([]);
  });

  test("nothing throws but TrainerError and assert", () => {
    const throwers = files.filter(({ text }) =>
      /\bnew (Type|Range)?Error\(/.test(withoutComments(text)),
    );
    expect(throwers.map(({ file }) => file)).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(join(SRC, file), "utf8");
}

function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function forbiddenImports({ file, folder, text }: { file: string; folder: string; text: string }) {
  const here = FOLDERS.indexOf(folder);
  return importsOf(text)
    .filter((target) => target.startsWith("."))
    .map((target) => relative(SRC, join(SRC, dirname(file), target)).split(sep)[0] ?? "")
    .filter((target) => target !== folder && folder !== "index.ts" && target !== "index.ts")
    .filter(
      (target) => FOLDERS.indexOf(target) >= here || (STRANGERS[folder] ?? []).includes(target),
    )
    .map((target) => `${file} -> ${target}`);
}

function forbiddenPackages({ file, folder, text }: { file: string; folder: string; text: string }) {
  return importsOf(text)
    .filter((target) => !target.startsWith(".") && !target.startsWith("node:"))
    .filter((target) => {
      const home = Object.keys(PACKAGE_HOMES).find(
        (name) => target === name || target.startsWith(`${name}/`),
      );
      return home === undefined || !(PACKAGE_HOMES[home] ?? []).includes(folder);
    })
    .map((target) => `${file} -> ${target}`);
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "");
}
