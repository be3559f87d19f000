import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDataFolder } from "../../src/data/open-data-folder.ts";
import { prepareData } from "../../src/data/prepare-data.ts";
import { failingFiles } from "../base/failing-files.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";

describe("openDataFolder", () => {
  test("reads any range of a part", async () => {
    await using data = await openDataFolder(await preparedFolder());
    const whole = await data.train.read(0, data.train.numTokens);
    expect(String.fromCharCode(...whole)).toMatch(/^It was the best/);
    expect(await data.train.read(7, 30)).toEqual(whole.slice(7, 37));
    expect(await data.train.read(data.train.numTokens, 0)).toEqual(new Uint32Array(0));
  });

  test("closes its files", async () => {
    const data = await openDataFolder(await preparedFolder());
    await data[Symbol.asyncDispose]();
    await expect(data.train.read(0, 1)).rejects.toThrow();
    await expect(data.validation.read(0, 1)).rejects.toThrow();
  });

  test.each<[string, string, RegExp, (folder: string) => Promise<void>]>([
    [
      "a cut train.bin",
      "ERR_DATA_DAMAGED",
      /train\.bin is damaged: it has 40 tokens instead of/,
      async (folder) => truncate(join(folder, "train.bin"), 80),
    ],
    [
      "a cut val.bin",
      "ERR_DATA_DAMAGED",
      /val\.bin is damaged: its size is no whole number/,
      async (folder) => truncate(join(folder, "val.bin"), 81),
    ],
    [
      "one altered bit",
      "ERR_DATA_DAMAGED",
      /train\.bin is damaged: its SHA-256 is/,
      async (folder) =>
        edit(folder, "train.bin", (bytes) => bytes.fill((bytes[20] ?? 0) ^ 1, 20, 21)),
    ],
    [
      "an altered tokenizer",
      "ERR_DATA_DAMAGED",
      /tokenizer\.json is damaged: its SHA-256 is/,
      async (folder) =>
        edit(folder, "tokenizer.json", (bytes) => Buffer.concat([bytes, Buffer.from("\n")])),
    ],
    [
      "a tokenizer that is no JSON",
      "ERR_DATA_DAMAGED",
      /tokenizer\.json is damaged: it is not JSON/,
      async (folder) => writeFile(join(folder, "tokenizer.json"), "{"),
    ],
    [
      "a tokenizer that is none",
      "ERR_TOKENIZER_DAMAGED",
      /its type is "x"/,
      async (folder) => writeFile(join(folder, "tokenizer.json"), '{"type":"x"}'),
    ],
    [
      "no tokenizer",
      "ERR_DATA_DAMAGED",
      /tokenizer\.json is missing/,
      async (folder) => rm(join(folder, "tokenizer.json")),
    ],
    [
      "no train.bin",
      "ERR_DATA_MISSING",
      /train\.bin cannot be read \(ENOENT/,
      async (folder) => rm(join(folder, "train.bin")),
    ],
    [
      "no val.bin",
      "ERR_DATA_MISSING",
      /val\.bin cannot be read/,
      async (folder) => rm(join(folder, "val.bin")),
    ],
    [
      "a manifest that is no JSON",
      "ERR_DATA_DAMAGED",
      /manifest\.json is damaged: it is not JSON/,
      async (folder) => truncate(join(folder, "manifest.json"), 100),
    ],
    [
      "a manifest of something else",
      "ERR_DATA_DAMAGED",
      /no manifest of a smallinit data folder/,
      async (folder) => writeFile(join(folder, "manifest.json"), "[]"),
    ],
    [
      "a manifest of a newer version",
      "ERR_DATA_VERSION",
      /format version 2;.*reads version 1/,
      async (folder) => change(folder, { formatVersion: 2 }),
    ],
    [
      "a manifest without checksums",
      "ERR_DATA_DAMAGED",
      /fields are missing/,
      async (folder) => change(folder, { train: { file: "train.bin", numTokens: 3 } }),
    ],
    [
      "a manifest of another token type",
      "ERR_DATA_DAMAGED",
      /fields are missing/,
      async (folder) => change(folder, { tokenType: "int8" }),
    ],
    [
      "a manifest that names another file",
      "ERR_DATA_DAMAGED",
      /fields are missing/,
      async (folder) => change(folder, { train: { file: "../train.bin" } }),
    ],
    [
      "a vocabulary that is not the tokenizer's",
      "ERR_DATA_DAMAGED",
      /disagree about vocabSize/,
      async (folder) => change(folder, { vocabSize: 257 }),
    ],
    [
      "no folder",
      "ERR_DATA_MISSING",
      /train\.bin cannot be read/,
      async (folder) => rm(folder, { recursive: true }),
    ],
    [
      "a file in its place",
      "ERR_DATA_MISSING",
      /cannot be read \(ENOTDIR/,
      async (folder) => {
        await rm(folder, { recursive: true });
        await writeFile(folder, "");
      },
    ],
  ])("refuses %s", async (_, code, message, damage) => {
    const folder = await preparedFolder();
    await damage(folder);
    await expect(openDataFolder(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("leaves checksums out when asked, and names a foreign id when it is read", async () => {
    const folder = await preparedFolder();
    await edit(folder, "train.bin", (bytes) => bytes.fill(0xff, 20, 22));
    await using data = await openDataFolder(folder, { checksums: false });
    expect(await data.train.read(0, 10)).toHaveLength(10);
    await expect(data.train.read(8, 10)).rejects.toMatchObject({
      code: "ERR_DATA_DAMAGED",
      message: expect.stringMatching(/token 10 is 65535, but the vocabulary has 256 ids/),
    });
  });

  test("names a file that is cut while it is open", async () => {
    const folder = await preparedFolder();
    await using data = await openDataFolder(folder);
    await truncate(join(folder, "val.bin"), 10);
    await expect(data.validation.read(0, 20)).rejects.toMatchObject({
      code: "ERR_DATA_DAMAGED",
      message: expect.stringMatching(/val\.bin is damaged: it became shorter/),
    });
  });

  test("reads a small file once, and has it from then on", async () => {
    const folder = await preparedFolder();
    await using data = await openDataFolder(folder);
    const before = await data.train.read(3, 20);
    await truncate(join(folder, "train.bin"), 10);
    expect(await data.train.read(3, 20)).toEqual(before);
    expect(await data.train.read(5, 18)).toEqual(before.slice(2));
  });
});

describe("openDataFolder, on files that nanoGPT wrote", () => {
  test("finds the vocabulary by reading all ids", async () => {
    const folder = await nanoGptFolder([3, 64, 0], [2, 65, 1]);
    await using data = await openDataFolder(folder);
    expect(data.vocabSize).toBe(66);
    expect([data.tokenizer, data.manifest]).toEqual([undefined, undefined]);
    expect([...(await data.train.read(0, 3))]).toEqual([3, 64, 0]);
  });

  test("takes a tokenizer that was put beside them", async () => {
    const folder = await nanoGptFolder([97, 98], [99, 100]);
    await writeFile(join(folder, "tokenizer.json"), '{"type":"byte","vocabSize":256}');
    await using data = await openDataFolder(folder);
    expect([data.vocabSize, data.tokenizer?.type]).toEqual([256, "byte"]);
  });

  test.each([
    ["without a token", [], [], "ERR_DATA_DAMAGED"],
    ["without a validation part", [1, 2], undefined, "ERR_DATA_MISSING"],
  ])("refuses files %s", async (_, train, validation, code) => {
    const folder = await nanoGptFolder(train, validation);
    await expect(openDataFolder(folder)).rejects.toMatchObject({ code });
  });
});

/** A folder of byte tokens, prepared without waiting for the disk. */
async function preparedFolder(): Promise<string> {
  const folder = await temporaryFolder();
  const text = join(folder, "corpus.txt");
  await writeFile(text, "It was the best of times.\n".repeat(40));
  const outFolder = join(folder, "data");
  await prepareData({ inputs: [text], outFolder, tokenizer: "byte" }, {}, failingFiles());
  return outFolder;
}

async function nanoGptFolder(train: number[], validation: number[] | undefined): Promise<string> {
  const folder = join(await temporaryFolder(), "nano");
  await mkdir(folder);
  await writeFile(join(folder, "train.bin"), Uint16Array.from(train));
  if (validation !== undefined) {
    await writeFile(join(folder, "val.bin"), Uint16Array.from(validation));
  }
  await writeFile(join(folder, "meta.pkl"), "a pickle, which is not read");
  return folder;
}

async function edit(
  folder: string,
  name: string,
  action: (bytes: Buffer) => Uint8Array,
): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, action(await readFile(path)));
}

async function change(folder: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  await edit(folder, "manifest.json", (bytes) =>
    Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), ...fields })),
  );
}
