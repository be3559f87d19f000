import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatReport } from "../../src/engine/format-report.ts";
import { measureRun } from "../../src/engine/measure-run.ts";
import { type ReferenceRun, readReferenceFolder } from "../../src/engine/reference-folder.ts";
import type { MeasureName } from "../../src/engine/verification-report.ts";
import { verifyFolders } from "../../src/engine/verify.ts";

const FIXTURES = [
  "pre-small-rotary-geglu",
  "pre-small-rotary-geglu-random",
  "post-small-rotary-geglu-random",
  "pre-base-learned-gelu-random",
];

function folderOf(fixture: string): string {
  return fileURLToPath(new URL(`../fixtures/reference/${fixture}`, import.meta.url));
}

type JsonObject = Record<string, unknown>;

describe.each(["onnx", "tfjs"] as const)("the %s engine", (engine) => {
  test.each(FIXTURES)("is within every tolerance of %s", async (fixture) => {
    const report = await verifyFolders([folderOf(fixture)], { engines: [engine], numThreads: 1 });
    expect(formatReport(report)).not.toMatch(/FAILED/);
    expect(report.passed).toBe(true);
    const [verification] = report.verifications;
    expect(verification?.numSteps).toBe(8);
    // Half a tolerance and more would mean that something is not ordinary f32 arithmetic.
    for (const { name, error, tolerance } of verification?.measures ?? []) {
      expect(error, name).toBeLessThan(tolerance / 2);
    }
  });
});

describe("measureRun", () => {
  let reference: ReferenceRun;
  beforeAll(async () => {
    reference = await readReferenceFolder(folderOf("pre-small-rotary-geglu-random"));
  });

  /** `values` with one number changed. */
  function changed(values: Float32Array, index: number, change: (value: number) => number) {
    return values.map((value, i) => (i === index ? change(value) : value));
  }
  function offsetOf(name: string): number {
    return reference.layout.tensors.find((place) => place.name === name)?.offset ?? Number.NaN;
  }
  function failures(changes: Partial<ReferenceRun>): MeasureName[] {
    const { measures, passed } = measureRun(reference, { ...reference, ...changes });
    const failed = measures.filter((measure) => !measure.passed).map(({ name }) => name);
    expect(passed).toBe(failed.length === 0);
    return failed;
  }

  test("finds no fault in the reference's own numbers", () => {
    const { measures, tensors, passed } = measureRun(reference, reference);
    expect(passed).toBe(true);
    expect(measures.map(({ error }) => error)).toEqual(measures.map(() => 0));
    expect(tensors.filter(({ update }) => update === undefined).map(({ name }) => name)).toEqual(
      [0, 1, 2].map((i) => `blocks.${i}.attn.key.bias`),
    );
  });

  test("names the measure of each fault, and no other", () => {
    const { logits, losses, gradientNorms, learningRates } = reference;
    expect(failures({ logits: changed(logits, 7, (z) => z + 1e-4) })).toEqual(["logits"]);
    expect(failures({ losses: losses.map((loss, i) => (i === 0 ? loss + 1e-5 : loss)) })).toEqual([
      "loss 0",
    ]);
    expect(failures({ losses: losses.map((loss, i) => (i === 5 ? loss + 2e-4 : loss)) })).toEqual([
      "loss",
    ]);
    expect(failures({ gradientNorms: gradientNorms.map((norm) => norm * 1.001) })).toEqual([
      "norm",
    ]);
    expect(failures({ learningRates: learningRates.map((rate) => rate * 1.00001) })).toEqual([
      "learning rate",
    ]);
  });

  test("finds a wrong gradient of the smallest tensor", () => {
    const { gradient, layout } = reference;
    const place = layout.tensors.find(({ name }) => name === "blocks.1.ln2.bias");
    const isIn = (i: number) => place !== undefined && i >= place.offset && i < place.offset + 32;
    const scaled = gradient.map((slope, i) => (isIn(i) ? slope * (1 + 5e-5) : slope));
    expect(failures({ gradient: scaled })).toEqual(["grad L2"]);
    // The key bias is outside "grad L2", and must not be outside everything.
    const key = offsetOf("blocks.1.attn.key.bias");
    expect(failures({ gradient: changed(gradient, key, (g) => g + 1) })).toEqual(["grad max"]);
  });

  test("finds weight decay on the head", () => {
    const { finalParameters, learningRates } = reference;
    const start = offsetOf("head.weight");
    const kept = learningRates.reduce((factor, rate) => factor * (1 - 0.1 * rate), 1);
    const decayed = finalParameters.map((value, i) => (i >= start ? value * kept : value));
    expect(failures({ finalParameters: decayed })).toEqual(["update L2"]);
  });

  test("allows a key bias to wander as far as Adam can move noise, and no further", () => {
    const { finalParameters, learningRates } = reference;
    const reach = learningRates.reduce((sum, rate) => sum + rate, 0);
    const index = offsetOf("blocks.0.attn.key.bias");
    const moved = (factor: number) => changed(finalParameters, index, (b) => b + factor * reach);
    expect(failures({ finalParameters: moved(0.9) })).toEqual([]);
    expect(failures({ finalParameters: moved(1.1) })).toEqual(["key bias"]);
  });

  test("never passes NaN, wherever it stands", () => {
    const { logits, losses, gradient, finalParameters } = reference;
    const spoil = (values: Float32Array) => changed(values, 3, () => Number.NaN);
    expect(failures({ logits: spoil(logits) })).toEqual(["logits"]);
    expect(failures({ losses: losses.map((loss, i) => (i === 2 ? Number.NaN : loss)) })).toEqual([
      "loss",
    ]);
    expect(failures({ gradient: spoil(gradient) })).toEqual(["grad max", "grad L2"]);
    expect(failures({ finalParameters: spoil(finalParameters) })).toEqual(["update L2"]);
    expect(failures({ gradient: gradient.subarray(0, 10) })).toEqual(["grad max", "grad L2"]);
  });
});

describe("formatReport", () => {
  test("shows every measure and tensor, and says what failed", async () => {
    const folder = folderOf("pre-base-learned-gelu-random");
    const reference = await readReferenceFolder(folder);
    const engine = { engine: "tfjs", device: "cpu", runtime: "tfjs 1.0", numThreads: 1 } as const;
    const results = { ...reference, losses: reference.losses.map((loss) => loss + 1e-3) };
    const measured = measureRun(reference, results);
    const verification = { folder, engine, numSteps: 8, ...measured };
    const text = formatReport({ verifications: [verification], passed: false });
    for (const { name } of reference.layout.tensors) expect(text).toContain(`  ${name}  `);
    expect(text).toMatch(/^ {2}loss 0 +1\.0e-3 ! +5\.0e-6$/m);
    expect(text).toMatch(/^FAILED .*: tfjs, loss is off by 1\.0e-3, more than 1\.0e-4$/m);
    expect(text).toMatch(/1 of 1 verifications failed\.$/);
  });
});

describe("readReferenceFolder", () => {
  let scratch: string;
  let numCopies = 0;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "smallinit-reference-"));
  });
  afterAll(() => rm(scratch, { recursive: true }));

  /** A copy of a fixture in which one file is other. */
  async function copyWith(file: string, change: (text: string) => string): Promise<string> {
    const folder = join(scratch, `copy-${numCopies++}`);
    await cp(folderOf("pre-small-rotary-geglu"), folder, { recursive: true });
    const path = join(folder, file);
    await writeFile(path, change(await readFile(path, "utf8")));
    return folder;
  }
  const json = (change: (content: JsonObject) => unknown) => (text: string) => {
    const content = JSON.parse(text);
    change(content);
    return JSON.stringify(content);
  };

  test("reads a folder with the default of embedNorm left out", async () => {
    const folder = await copyWith(
      "config.json",
      json(({ model }) => delete (model as JsonObject).embedNorm),
    );
    expect((await readReferenceFolder(folder)).model.embedNorm).toBe(true);
  });

  const set = (part: string, key: string, value: unknown) =>
    json((content) => Object.assign(content[part] as object, { [key]: value }));

  test.each([
    ["a missing file", "batch.json", undefined, /batch\.json cannot be read/],
    ["a file that is no JSON", "losses.json", () => "{", /losses\.json cannot be read/],
    ["an unknown option", "config.json", set("model", "dropout", 0.1), /dropout/],
    ["an impossible shape", "config.json", set("model", "numHeads", 5), /not a multiple/],
    ["a missing number", "config.json", set("train", "eps", undefined), /no value for epsilon/],
    ["another number of steps", "config.json", set("data", "steps", 7), /7 steps/],
    ["another sequence length", "config.json", set("data", "seqLen", 23), /seqLen 23/],
    ["another batch size", "config.json", set("data", "batchSize", 3), /not 3 rows/],
    ["a token too large", "config.json", set("model", "vocabSize", 20), /vocabulary of 20/],
    ["a context too short", "config.json", set("model", "contextLength", 20), /rows of 25 tokens/],
    ["a short list", "losses.json", json(({ lr }) => (lr as number[]).pop()), /"lr" of 8 numbers/],
    [
      "tokens that are text",
      "batch.json",
      (text: string) => text.replace("[[[", '[[["a",'),
      /step 0/,
    ],
  ])("refuses a folder with %s by name", async (_, file, change, why) => {
    const folder = await copyWith(file, change ?? ((text) => text));
    if (change === undefined) await rm(join(folder, file));
    const reading = readReferenceFolder(folder);
    await expect(reading).rejects.toMatchObject({ code: "ERR_REFERENCE" });
    await expect(reading).rejects.toThrow(why);
    await expect(reading).rejects.toThrow(folder);
  });

  test.each([
    ["lacks a tensor of the model", set("model", "positions", "learned"), /pos\.weight/],
    ["has a tensor that the model lacks", set("model", "embedNorm", false), /ln0/],
    ["has a tensor of another shape", set("model", "vocabSize", 62), /embed\.weight/],
  ])("refuses a folder that %s by name", async (_, change, why) => {
    const reading = readReferenceFolder(await copyWith("config.json", change));
    await expect(reading).rejects.toMatchObject({ code: "ERR_SAFETENSORS" });
    await expect(reading).rejects.toThrow(why);
  });

  test("refuses a tensor file that was cut off", async () => {
    const folder = await copyWith("config.json", (text) => text);
    const path = join(folder, "final.safetensors");
    await writeFile(path, (await readFile(path)).subarray(0, -4));
    await expect(readReferenceFolder(folder)).rejects.toMatchObject({ code: "ERR_SAFETENSORS" });
  });
});
