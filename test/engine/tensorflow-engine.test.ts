import { describe } from "vitest";
import { findTensorflow } from "../../src/engine/find-tensorflow.ts";
import { createTensorflowEngine } from "../../src/engine/tensorflow-engine.ts";
import { engineContract } from "./engine-contract.ts";

const isThere = findTensorflow(process.env) !== undefined;

describe.skipIf(!isThere)("with libtensorflow", () => {
  engineContract("tensorflow", (model) =>
    createTensorflowEngine({
      ...{ model, device: "cpu", precision: "f32", numThreads: 1 },
      environment: process.env,
    }),
  );
});
