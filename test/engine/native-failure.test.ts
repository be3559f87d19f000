import { expect, test } from "vitest";
import { newValue } from "../../src/compiler/graph.ts";
import { compileOnnxProgram, tensorOver } from "../../src/engine/onnx-program.ts";
import type { TensorflowBinding } from "../../src/engine/tensorflow-binding.ts";
import { compileTensorflowProgram } from "../../src/engine/tensorflow-program.ts";

const [x, result] = [newValue([2]), newValue([2])];
const graph = {
  inputs: [{ name: "x", value: x }],
  constants: [],
  nodes: [
    { operation: { type: "unary", function: "abs" } as const, inputs: [x], outputs: [result] },
  ],
  outputs: [{ name: "result", value: result }],
};
const computes = "the gradient of 8 x 128 tokens";

/** A TensorFlow that has no memory left for what it is asked at `at`. */
function exhausted(at: "loadSavedModel" | "runSavedModel"): TensorflowBinding {
  const binding: Partial<TensorflowBinding> = {
    loadSavedModel: () => 0,
    deleteTensor: () => undefined,
    [at]: () => {
      // As the addon throws it.
      throw new Error(
        "Session fail to run with error: OOM when allocating tensor\n\t[[{{node v7}}]]",
      );
    },
  };
  return binding as TensorflowBinding;
}

const failure = (device: string) =>
  expect.objectContaining({
    code: "ERR_ENGINE",
    message: expect.stringMatching(
      new RegExp(`tensorflow .*2\\.21\\.0.* on ${device} at ${computes}: .*OOM.*microBatchSize`),
    ),
  });

test.each([
  ["takes no graph", "loadSavedModel", "cpu"],
  ["runs out of memory", "runSavedModel", "gpu:1"],
] as const)("a TensorFlow that %s is an expected failure, with what to do", (_, at, device) => {
  const site = { engine: "tensorflow", runtime: "TensorFlow 2.21.0", device, computes };
  const options = { precision: "f32", variables: ["x"] } as const;
  const compile = () => compileTensorflowProgram(exhausted(at), { graph, options }, site);
  if (at === "loadSavedModel") expect(compile).toThrow(failure(device));
  else {
    const program = compile();
    expect(() => program.assign("x", 1)).toThrow(failure(device));
    expect(() => program.run({}, ["result"])).toThrow(failure(device));
  }
});

test("a failure of ONNX Runtime on the CPU is an expected one, with what was computed", async () => {
  const options = { device: "cpu", numThreads: 1, computes } as const;
  await using program = await compileOnnxProgram(graph, options);
  // Of another shape than the graph's.
  const inputs = { x: tensorOver(Float32Array.of(1, 2, 3), [3]) };
  await expect(program.run(inputs, program.newOutputs())).rejects.toMatchObject({
    code: "ERR_ENGINE",
    message: expect.stringMatching(
      /engine onnx \(onnxruntime-node .*\) failed on cpu at the gradient of 8 x 128 tokens: .*microBatchSize/s,
    ),
  });
});
