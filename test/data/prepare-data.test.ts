import { appendFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDataFolder } from "../../src/data/open-data-folder.ts";
import { type PrepareOptions, prepareData } from "../../src/data/prepare-data.ts";
import { loadTokenizer } from "../../src/data/tokenizers/load-tokenizer.ts";
import { failingFiles } from "../base/failing-files.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

const TEXT = "It was the best of times, it was the worst of times. Café 語 😀!\n".repeat(60);

describe("prepareData", () => {
  test.each(["byte", "char", "bpe", "gpt2"] as const)(
    "writes tokens that read as the text again: %s",
    async (tokenizer) => {
      const { options } = await corpus({ "a.txt": TEXT }, { tokenizer, split: "tail" });
      const manifest = await prepareData(options);
      const { train, validation } = await partsOf(options.outFolder);
      const characters = [...TEXT];
      const numTrain = Math.floor(characters.length * 0.9);
      expect(train).toBe(characters.slice(0, numTrain).join(""));
      expect(validation).toBe(characters.slice(numTrain).join(""));
      expect(manifest.train.numCharacters).toBe(numTrain);
    },
  );

  test("takes the validation part from all over the text by default, and loses nothing", async () => {
    const lines = Array.from({ length: 2000 }, (_, i) => `This is line ${i}.\n`);
    const { options } = await corpus({ "a.txt": lines.join("") }, { tokenizer: "byte" });
    const manifest = await prepareData(options);
    expect(manifest.split).toEqual({
      kind: "interleaved",
      fraction: 0.1,
      unit: "blocks",
      blockCharacters: 256,
    });
    const { train, validation } = await partsOf(options.outFolder);
    const share = validation.length / (train.length + validation.length);
    expect(train.length + validation.length).toBe(lines.join("").length);
    expect(Math.abs(share - 0.1)).toBeLessThan(0.01);
    const found = `${train}${validation}`;
    expect(lines.filter((line) => found.includes(line)).length).toBeGreaterThan(1900);
    const thirds = [/line 1?\d\d\.\n/, /line 1[0-4]\d\d\.\n/, /line 19\d\d\.\n/];
    expect(thirds.every((pattern) => pattern.test(validation))).toBe(true);
  });

  test("puts a newline between documents that do not end with one", async () => {
    const { options } = await corpus({ "a.txt": "one", "b.txt": "two\n", "c.txt": "three" });
    await prepareData({ ...options, split: "tail", validationFraction: 0.2 });
    const { train, validation } = await partsOf(options.outFolder);
    expect(train + validation).toBe("one\ntwo\nthree");
  });

  test("puts GPT-2's end of text between documents", async () => {
    const { options } = await corpus({ "a.txt": "one", "b.txt": "two", "c.txt": "three four" });
    await prepareData({ ...options, tokenizer: "gpt2", split: "tail", validationFraction: 0.6 });
    const { train, validation } = await partsOf(options.outFolder);
    expect(train + validation).toBe("one<|endoftext|>two<|endoftext|>three four");
  });

  test("gives characters that only the validation part has an id", async () => {
    const { options } = await corpus({ "a.txt": `${"abc ".repeat(100)}xyz` }, { split: "tail" });
    await prepareData({ ...options, tokenizer: "char" });
    await using data = await openDataFolder(options.outFolder);
    expect(data.tokenizer).toEqual({ type: "char", vocabSize: 7, alphabet: " abcxyz" });
  });

  test("trains bpe on the training part alone, to the size asked for", async () => {
    const text = `${"the cat sat on the mat. ".repeat(110)}${"zzzz ".repeat(50)}`;
    const { options } = await corpus({ "a.txt": text }, { tokenizer: "bpe", vocabSize: 266 });
    expect((await prepareData({ ...options, split: "tail" })).vocabSize).toBe(266);
    await using data = await openDataFolder(options.outFolder);
    expect((await loadTokenizer(data.tokenizer)).encode("zzzz").length).toBe(4);
  });

  test("says when the text has patterns for a smaller vocabulary only", async () => {
    const { options } = await corpus(
      { "a.txt": "ab ".repeat(400) },
      { tokenizer: "bpe", vocabSize: 4096 },
    );
    const warnings: string[] = [];
    const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
    const { vocabSize } = await prepareData(options, { log });
    expect(vocabSize).toBeLessThan(270);
    expect(warnings.join()).toContain(`${vocabSize} ids only`);
  });

  test("needs four bytes a token when the vocabulary is past 65536", async () => {
    const alphabet = Array.from({ length: 70_000 }, (_, i) =>
      String.fromCodePoint(0x20000 + i),
    ).join("");
    const { options } = await corpus({ "a.txt": alphabet }, { tokenizer: "char", split: "tail" });
    const manifest = await prepareData(options);
    expect([manifest.vocabSize, manifest.tokenType]).toEqual([70_000, "uint32"]);
    const { train, validation } = await partsOf(options.outFolder);
    expect(train + validation === alphabet).toBe(true);
  });

  test("gives the same bytes every time", async () => {
    const { options, folder } = await corpus(
      { "a.txt": TEXT, "b.txt": TEXT },
      { tokenizer: "bpe" },
    );
    const manifests = [];
    for (const name of ["one", "two"]) {
      manifests.push(await prepareData({ ...options, outFolder: join(folder, name) }));
    }
    expect(manifests[0]).toEqual(manifests[1]);
  });

  test("replaces what an earlier prepare wrote", async () => {
    const { options } = await corpus({ "a.txt": TEXT }, { tokenizer: "byte" });
    await prepareData(options);
    await prepareData({ ...options, tokenizer: "char" });
    await using data = await openDataFolder(options.outFolder);
    expect(data.manifest?.tokenizer).toBe("char");
    expect(await siblings(options)).toEqual(["out"]);
  });

  test("reports progress up to the end of each reading", async () => {
    const { options } = await corpus({ "a.txt": TEXT }, { tokenizer: "bpe" });
    const last = new Map<string, number>();
    let totalBytes = 0;
    const onProgress = (progress: { phase: string; doneBytes: number; totalBytes: number }) => {
      last.set(progress.phase, progress.doneBytes);
      totalBytes = progress.totalBytes;
    };
    await prepareData(options, { onProgress });
    expect(totalBytes).toBe(Buffer.byteLength(TEXT));
    expect([...last]).toEqual([
      ["reading", totalBytes],
      ["training the tokenizer", totalBytes],
      ["encoding", totalBytes],
    ]);
  });
});

describe("prepareData refuses", () => {
  test.each<[string, Partial<PrepareOptions>, string, RegExp]>([
    ["a validation part of nothing", { validationFraction: 0 }, "ERR_USAGE", /is 0 of the text/],
    ["a validation part of everything", { validationFraction: 1 }, "ERR_USAGE", /is 1 of the text/],
    [
      "a vocabulary size for byte",
      { tokenizer: "byte", vocabSize: 300 },
      "ERR_USAGE",
      /--tokenizer bpe/,
    ],
    [
      "a bpe vocabulary without merges",
      { tokenizer: "bpe", vocabSize: 256 },
      "ERR_USAGE",
      /from 257/,
    ],
    ["a file that is not there", { inputs: ["nowhere.txt"] }, "ERR_CORPUS_MISSING", /nowhere\.txt/],
    ["no file at all", { inputs: [] }, "ERR_CORPUS_EMPTY", /no text in nothing/],
  ])("%s, and leaves nothing behind", async (_, changes, code, message) => {
    const { options } = await corpus({ "a.txt": TEXT });
    const failure = prepareData({ ...options, ...changes });
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await siblings(options)).toEqual([]);
  });

  test.each([
    ["a file that is not UTF-8", Uint8Array.of(0x61, 0xff), "ERR_CORPUS_ENCODING"],
    ["an empty file", "", "ERR_CORPUS_EMPTY"],
    ["a text of one byte, which leaves a part empty", "a", "ERR_DATA_SHORT"],
  ])("%s, and leaves nothing behind", async (_, content, code) => {
    const { options } = await corpus({ "a.txt": content });
    await expect(prepareData(options)).rejects.toMatchObject({ code });
    expect(await siblings(options)).toEqual([]);
  });

  test.each([
    ["a folder with other files", "notes.md", /already holds notes\.md/],
    ["data that another program wrote", "train.bin", /did not write/],
  ])("to overwrite %s", async (_, name, message) => {
    const { options } = await corpus({ "a.txt": TEXT });
    await mkdir(options.outFolder);
    await writeFile(join(options.outFolder, name), "precious");
    await expect(prepareData(options)).rejects.toMatchObject({
      code: "ERR_DATA_OCCUPIED",
      message: expect.stringMatching(message),
    });
    expect(await readFile(join(options.outFolder, name), "utf8")).toBe("precious");
  });

  test("to overwrite a file, or a link to a folder that is not there", async () => {
    const { options, folder } = await corpus({ "a.txt": TEXT });
    await writeFile(join(folder, "file"), "precious");
    await symlink("nowhere", join(folder, "link"));
    const onFile = prepareData({ ...options, outFolder: join(folder, "file") });
    await expect(onFile).rejects.toMatchObject({ code: "ERR_DATA_OCCUPIED" });
    expect(await readFile(join(folder, "file"), "utf8")).toBe("precious");
  });

  test("a text that grows while it is read", async () => {
    const { options } = await corpus({ "a.txt": TEXT });
    const path = options.inputs[0] ?? "";
    const pending: Promise<void>[] = [];
    const onProgress = ({ phase, doneBytes }: { phase: string; doneBytes: number }) => {
      const isRead = phase === "reading" && doneBytes > 0;
      if (isRead) pending.push(appendFile(join(path, "a.txt"), "more"));
    };
    await expect(prepareData(options, { onProgress })).rejects.toMatchObject({
      code: "ERR_CORPUS_CHANGED",
    });
    await Promise.all(pending);
    expect(await siblings(options)).toEqual([]);
  });
});

describe("prepareData leaves the folder as it was, or complete", () => {
  test("when any operation on the disk fails, with a full disk or a killed process", async () => {
    const { options } = await corpus({ "a.txt": TEXT }, { tokenizer: "byte" });
    const counting = failingFiles();
    await prepareData(options, {}, counting);
    const before = await readFile(join(options.outFolder, "manifest.json"), "utf8");

    for (let at = 0; at < counting.operations.length; at++) {
      for (const forever of [false, true]) {
        const failing = failingFiles({ at, forever, code: "ENOSPC" });
        const outcome = await prepareData({ ...options, tokenizer: "char" }, {}, failing).then(
          () => "done",
          (error) => error.code,
        );
        expect(["done", "ERR_WRITE"]).toContain(outcome);
        const left = await siblings(options);
        // Killed between two renames: the old folder is whole, but beside the place it had.
        const folder = left.includes("out") ? "out" : left.find((name) => name.endsWith("-old"));
        await using data = await openDataFolder(join(options.outFolder, "..", folder ?? "none"));
        const isBefore = data.manifest?.tokenizer === "byte";
        if (!forever) expect([folder, isBefore]).toEqual(["out", outcome === "ERR_WRITE"]);
        if (isBefore) expect(`${JSON.stringify(data.manifest, null, 2)}\n`).toBe(before);
        await prepareData(options, {}, failingFiles());
      }
    }
  });
});

interface Corpus {
  readonly folder: string;
  readonly options: PrepareOptions;
}

/** Files in a folder, and options that prepare them into a folder "out" beside. */
async function corpus(
  content: Readonly<Record<string, string | Uint8Array>>,
  changes: Partial<PrepareOptions> = {},
): Promise<Corpus> {
  const folder = await temporaryFolder();
  const input = join(folder, "input");
  await mkdir(input);
  for (const [name, text] of Object.entries(content)) await writeFile(join(input, name), text);
  const options = { inputs: [input], outFolder: join(folder, "out"), tokenizer: "byte" as const };
  return { folder, options: { ...options, ...changes } };
}

/** What lies beside the input: the data folder, and whatever should not be there. */
async function siblings({ outFolder }: PrepareOptions): Promise<string[]> {
  const names = await readdir(join(outFolder, ".."));
  return names.filter((name) => name !== "input").sort();
}

async function partsOf(folder: string): Promise<{ train: string; validation: string }> {
  await using data = await openDataFolder(folder);
  const tokenizer = await loadTokenizer(data.tokenizer);
  const text = async (store: typeof data.train) =>
    tokenizer.decode(await store.read(0, store.numTokens));
  return { train: await text(data.train), validation: await text(data.validation) };
}
