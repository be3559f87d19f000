import { describe } from "vitest";
import { findTensorflow } from "../src/engine/find-tensorflow.ts";
import { type LoadedTensorflow, loadTensorflow } from "../src/engine/load-tensorflow.ts";

const isHere = findTensorflow(process.env) !== undefined;

/**
 * Tests that need libtensorflow; skipped by name where `npm run setup:tensorflow` has not been run,
 * unless SMALLINIT_REQUIRE_ALL=1, with which they fail there.
 */
export function describeWithTensorflow(name: string, tests: () => void): void {
  const isRequired = process.env.SMALLINIT_REQUIRE_ALL === "1";
  const title = isHere || isRequired ? name : `${name} (needs npm run setup:tensorflow)`;
  describe.skipIf(!isHere && !isRequired)(title, tests);
}

/** TensorFlow in this process, with one thread. */
export function tensorflowHere(): LoadedTensorflow {
  return loadTensorflow({ device: "cpu", numThreads: 1, environment: process.env });
}
