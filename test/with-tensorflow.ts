import { describe } from "vitest";
import { findTensorflow } from "../src/engine/find-tensorflow.ts";
import { type LoadedTensorflow, loadTensorflow } from "../src/engine/load-tensorflow.ts";
import { isRequired } from "./is-required.ts";

const isHere = findTensorflow(process.env) !== undefined;

/**
 * Tests that need libtensorflow; skipped by name where `npm run setup:tensorflow` has not been run,
 * unless it is required, when they fail there.
 */
export function describeWithTensorflow(name: string, tests: () => void): void {
  const isRun = isHere || isRequired("tensorflow");
  describe.skipIf(!isRun)(isRun ? name : `${name} (needs npm run setup:tensorflow)`, tests);
}

/** TensorFlow in this process, with one thread. */
export function tensorflowHere(): LoadedTensorflow {
  return loadTensorflow({ device: "cpu", numThreads: 1, environment: process.env });
}
