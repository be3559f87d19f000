import { medianOf } from "../base/median.ts";
import { Arena, arenaBytes } from "../kernels/arena.ts";
import { createKernels } from "../kernels/kernels.ts";
import type { KernelSpeed } from "./doctor-report.ts";

/** 32 MiB a vector: beyond the caches of most cores. */
const NUM_FLOATS = 2 ** 23;

/**
 * Measures the WebAssembly loops on vectors that do not fit into a cache.
 *
 * @throws {TrainerError} ERR_MEMORY when there is no room for four vectors of 32 MiB.
 */
export async function probeKernels(measureMs: number): Promise<KernelSpeed> {
  const lengths = [NUM_FLOATS, NUM_FLOATS, NUM_FLOATS, NUM_FLOATS];
  const kernels = await createKernels({ bytes: arenaBytes(lengths) });
  const arena = new Arena(kernels);
  const [parameters, gradientSum, firstMoments, secondMoments] = [
    arena.floats(NUM_FLOATS),
    arena.floats(NUM_FLOATS),
    arena.floats(NUM_FLOATS),
    arena.floats(NUM_FLOATS),
  ];
  gradientSum.fill(1);
  const update = { parameters, gradientSum, firstMoments, secondMoments, gradientScale: 1 };
  const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };
  const addMs = medianMs(measureMs / 2, () => kernels.add(parameters, gradientSum));
  const adamWMs = medianMs(measureMs / 2, () =>
    kernels.adamW({ ...update, ...rates, numUpdates: 1 }),
  );
  return {
    // Reads two vectors and writes one; reads four and writes three.
    addGigabytesPerSecond: gigabytesPerSecond(3, addMs),
    adamWGigabytesPerSecond: gigabytesPerSecond(7, adamWMs),
  };
}

function gigabytesPerSecond(numVectors: number, ms: number): number {
  return (numVectors * NUM_FLOATS * Float32Array.BYTES_PER_ELEMENT) / ms / 1e6;
}

function medianMs(measureMs: number, action: () => void): number {
  // The first call pays for the pages.
  action();
  const times: number[] = [];
  const endMs = performance.now() + measureMs;
  while (times.length === 0 || performance.now() < endMs) {
    const startMs = performance.now();
    action();
    times.push(performance.now() - startMs);
  }
  return medianOf(times) ?? Number.NaN;
}
