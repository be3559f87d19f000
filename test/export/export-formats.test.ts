import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import { EXPORT_FORMATS, type ExportFormat } from "../../src/export/export-formats.ts";
import { writeExport } from "../../src/export/write-export.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { isRequired } from "../is-required.ts";
import { floatLogits } from "../reference/float-model.ts";
import {
  blockRows,
  floatParameters,
  sampleBlock,
  sampleModel,
  sampleParameters,
} from "../reference/sample-model.ts";
import { describeWithTensorflow, tensorflowHere } from "../with-tensorflow.ts";

const MODELS: readonly (readonly [string, ModelConfiguration])[] = [
  ["pre, rotary, geglu, biases", sampleModel()],
  [
    "post, learned, gelu, no biases",
    sampleModel({ norm: "post", positions: "learned", ffn: "gelu", bias: false, embedNorm: false }),
  ],
  // Attention in blocks of 128 positions, the last one shorter.
  ["a context of 150", sampleModel({ contextLength: 150, numLayers: 1 })],
];

/** Batches of several sizes, 1 among them: none of them is the size that the graph was traced with. */
const BATCH_SIZES = [1, 4];

const TOLERANCE = 2e-5;

/** A Python with torch and safetensors. */
const python = process.env.SMALLINIT_PYTHON;

/** Loads the export as docs/EXPORT.md says, and prints the logits of each batch on standard input. */
const TORCH_SCRIPT = `
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from model import load
model = load(sys.argv[1])
with torch.no_grad():
    batches = [model(torch.tensor(tokens)) for tokens in json.load(sys.stdin)]
print(json.dumps([logits.flatten().tolist() for logits in batches]))
`;

describe.each(MODELS)("a model exported with %s", (_, model) => {
  const parameters = sampleParameters(model);
  const { contextLength: length, vocabSize } = model;

  /** The inputs of a batch, [batchSize, length], and the oracle's logits for them, flat. */
  function batchOf(numSequences: number) {
    const block = sampleBlock(model, { numSequences });
    const rows = blockRows(block).map(({ inputs }) => inputs);
    const named = floatParameters(model, parameters);
    const logits = rows.flatMap((inputs) =>
      floatLogits(model, named, inputs).flatMap((row) => [...row]),
    );
    return { rows, tokens: Int32Array.from(rows.flatMap((row) => [...row])), logits };
  }

  async function exported(format: ExportFormat): Promise<string> {
    const folder = join(await temporaryFolder(), format);
    await writeExport(folder, {
      ...EXPORT_FORMATS[format]({ model, parameters }),
      "config.json": [Buffer.from(JSON.stringify({ model }))],
    });
    return folder;
  }

  function expectClose(logits: ArrayLike<number>, expected: readonly number[]): void {
    expect(logits.length).toBe(expected.length);
    const scale = Math.max(...expected.map(Math.abs));
    const errors = expected.map((value, i) => Math.abs((logits[i] ?? Number.NaN) - value) / scale);
    expect(Math.max(...errors)).toBeLessThan(TOLERANCE);
  }

  test("has the oracle's logits in ONNX Runtime, for batches of any size", async () => {
    const folder = await exported("onnx");
    const session = await ort.InferenceSession.create(join(folder, "model.onnx"));
    for (const size of BATCH_SIZES) {
      const { tokens, logits } = batchOf(size);
      const inputs = new ort.Tensor("int32", tokens, [size, length]);
      const outputs = await session.run({ inputs });
      expect(outputs.logits?.dims).toEqual([size, length, vocabSize]);
      expectClose(outputs.logits?.data as Float32Array, logits);
    }
    await session.release();
  });

  test("has the oracle's logits in tfjs, for batches of any size", async () => {
    const folder = await exported("tfjs");
    await tf.setBackend("cpu");
    const description = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
    const weights = await readFile(join(folder, description.weightsManifest[0].paths[0]));
    const network = await loadGraphModel(
      tf.io.fromMemory({
        modelTopology: description.modelTopology,
        signature: description.signature,
        weightSpecs: description.weightsManifest[0].weights,
        weightData: new Uint8Array(weights).buffer,
      }),
    );
    for (const size of BATCH_SIZES) {
      const { tokens, logits } = batchOf(size);
      const result = network.execute({ inputs: tf.tensor2d(tokens, [size, length], "int32") });
      expect((result as tf.Tensor).shape).toEqual([size, length, vocabSize]);
      expectClose(await (result as tf.Tensor).data(), logits);
    }
    network.dispose();
  });

  test.skipIf(python === undefined && !isRequired("pytorch"))(
    "has the oracle's logits in PyTorch, and takes shorter sequences (set SMALLINIT_PYTHON)",
    async () => {
      const folder = await exported("torch");
      const { rows, logits } = batchOf(2);
      const [first = []] = rows;
      const output = execFileSync(python ?? "", ["-c", TORCH_SCRIPT, folder], {
        input: JSON.stringify([rows, [first.slice(0, 3)]]),
        encoding: "utf8",
      });
      const [whole, start] = JSON.parse(output);
      expectClose(whole, logits);
      expectClose(start, logits.slice(0, 3 * vocabSize));
    },
  );

  describeWithTensorflow("in TensorFlow", () => {
    test("has the oracle's logits, for batches of any size", async () => {
      const { binding } = tensorflowHere();
      const modelId = binding.loadSavedModel(await exported("savedmodel"), "serve");
      for (const size of BATCH_SIZES) {
        const { tokens, logits } = batchOf(size);
        const id = binding.createTensor([size, length], binding.TF_INT32, tokens);
        const [result] = binding.runSavedModel(modelId, [id], "inputs:0", "logits:0");
        expectClose(binding.tensorDataSync(result?.id ?? -1) as Float32Array, logits);
        binding.deleteTensor(id);
        binding.deleteTensor(result?.id ?? -1);
      }
      binding.deleteSavedModel(modelId);
    });
  });
});

test("a model is never exported onto something that is there", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "mine"));
  await writeFile(join(folder, "mine", "novel.txt"), "Chapter 1");
  const writing = writeExport(join(folder, "mine"), { "model.onnx": [] });
  await expect(writing).rejects.toThrow(/mine holds novel\.txt/);
});
