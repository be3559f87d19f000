import { readFile } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import { createMemory } from "./create-memory.ts";
import { type SharedMemory, webAssembly } from "./web-assembly.ts";

/**
 * Loops over flat f32 vectors in WebAssembly SIMD: several times as fast as JavaScript's, and with the
 * same bits on every machine.
 *
 * Every vector must lie on `memory` (`view`, or an `Arena`), and vectors of one call have one length.
 * Nothing is allocated, so threads that share the memory may call at the same time, as long as no one
 * writes what another uses.
 */
export interface Kernels {
  /** Goes to another thread by `postMessage`, for `attachKernels` there. */
  readonly memory: SharedMemory;
  /** f32[numFloats] at `byteOffset` (a multiple of 4) of the memory. */
  view(byteOffset: number, numFloats: number): Float32Array;
  /** destination += source. */
  add(destination: Float32Array, source: Float32Array): void;
  /** destination = a + b; the destination may be one of the two. */
  addInto(destination: Float32Array, a: Float32Array, b: Float32Array): void;
  /** destination = source. */
  copy(destination: Float32Array, source: Float32Array): void;
  /** Rounds to bf16, nearest, ties to even; NaN stays NaN, and what is too large becomes infinite. */
  packBf16(destination: Uint16Array, source: Float32Array): void;
  /** Widens bf16, exactly. The source may be the second half of the destination's bytes. */
  unpackBf16(destination: Float32Array, source: Uint16Array): void;
  /** vector *= factor, which is rounded to f32 first. */
  scale(vector: Float32Array, factor: number): void;
  /** The sum of squares, in f64, in one fixed order for each length. */
  sumOfSquares(vector: Float32Array): number;
  /** One AdamW update with decoupled weight decay (Loshchilov & Hutter 2019), in one pass. */
  adamW(update: AdamWUpdate): void;
}

/** What an AdamW update reads and writes. */
export interface AdamWUpdate {
  /** f32[n], updated. */
  readonly parameters: Float32Array;
  /** f32[n], not changed. */
  readonly gradientSum: Float32Array;
  /** f32[n], updated. */
  readonly firstMoments: Float32Array;
  /** f32[n], updated. */
  readonly secondMoments: Float32Array;
  /** What makes the gradient of the sum: g = gradientSum · gradientScale. */
  readonly gradientScale: number;
  /** Updates including this one, from 1: the exponent of the bias correction. */
  readonly numUpdates: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * Kernels on a new shared memory, all zeros, that never grows.
 *
 * @param options.bytes least size; `arenaBytes` says what a set of vectors needs.
 * @throws {TrainerError} ERR_MEMORY when WebAssembly or this machine does not give so much.
 */
export async function createKernels({ bytes }: { readonly bytes: number }): Promise<Kernels> {
  return attachKernels(createMemory(bytes));
}

/** Kernels on the memory of another thread's kernels. */
export async function attachKernels(memory: SharedMemory): Promise<Kernels> {
  const wasm = await readFile(new URL("./kernels.wasm", import.meta.url));
  const { instance } = await webAssembly.instantiate(wasm, { env: { memory } });
  return kernelsOf(memory, instance.exports as KernelExports);
}

/** The exports of assembly/kernels.ts; addresses are byte offsets. */
interface KernelExports {
  addInto(destination: number, a: number, b: number, numFloats: number): void;
  packBf16(destination: number, source: number, numFloats: number): void;
  unpackBf16(destination: number, source: number, numFloats: number): void;
  scale(vector: number, factor: number, numFloats: number): void;
  sumOfSquares(vector: number, numFloats: number): number;
  adamW(
    parameters: number,
    gradientSum: number,
    firstMoments: number,
    secondMoments: number,
    numFloats: number,
    gradientScale: number,
    beta1: number,
    oneMinusBeta1: number,
    beta2: number,
    oneMinusBeta2: number,
    rate: number,
    secondCorrection: number,
    epsilon: number,
    decay: number,
  ): void;
}

function kernelsOf(memory: SharedMemory, wasm: KernelExports): Kernels {
  const { buffer } = memory;

  function address(vector: Float32Array | Uint16Array, numFloats: number): number {
    assert(vector.buffer === buffer, "a kernel was given a vector that is not on its memory");
    assert(vector.length === numFloats, `vectors of ${vector.length} and ${numFloats} floats`);
    return vector.byteOffset;
  }
  function addInto(destination: Float32Array, a: Float32Array, b: Float32Array): void {
    const { length } = destination;
    wasm.addInto(address(destination, length), address(a, length), address(b, length), length);
  }
  return {
    memory,
    view: (byteOffset, numFloats) => new Float32Array(buffer, byteOffset, numFloats),
    add: (destination, source) => addInto(destination, destination, source),
    addInto,
    copy(destination, source) {
      address(source, destination.length);
      // As fast as WebAssembly's memory.copy, measured: both are one memmove.
      destination.set(source);
    },
    packBf16(destination, source) {
      const { length } = source;
      wasm.packBf16(address(destination, length), address(source, length), length);
    },
    unpackBf16(destination, source) {
      const { length } = destination;
      wasm.unpackBf16(address(destination, length), address(source, length), length);
    },
    scale: (vector, factor) => wasm.scale(address(vector, vector.length), factor, vector.length),
    sumOfSquares: (vector) => wasm.sumOfSquares(address(vector, vector.length), vector.length),
    adamW(update) {
      const { learningRate, beta1, beta2, numUpdates, parameters } = update;
      const { length } = parameters;
      wasm.adamW(
        address(parameters, length),
        address(update.gradientSum, length),
        address(update.firstMoments, length),
        address(update.secondMoments, length),
        length,
        update.gradientScale,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        learningRate / (1 - beta1 ** numUpdates),
        1 / Math.sqrt(1 - beta2 ** numUpdates),
        update.epsilon,
        learningRate * update.weightDecay,
      );
    },
  };
}
