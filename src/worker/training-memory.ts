import { numFoldBuffersMax } from "../collective/leaf-fold.ts";
import { type Configuration, leavesPerStep } from "../configuration/configuration.ts";
import { Arena, arenaBytes } from "../kernels/arena.ts";
import { createKernels, type Kernels } from "../kernels/kernels.ts";
import { scratchFloatsOf } from "./scratch-floats.ts";
import type { MemoryMap } from "./thread-messages.ts";

/** A worker's vectors, all on one shared memory. */
export interface TrainingMemory {
  readonly kernels: Kernels;
  /** f32[numParams], zeros at first; so are the moments. */
  readonly parameters: Float32Array;
  readonly firstMoments: Float32Array;
  readonly secondMoments: Float32Array;
  /** f32[numParams + 1]: the step's gradient sum, then its loss sum. */
  readonly sum: Float32Array;
  /** f32[numParams + 1] each: gradients of leaves, and of nodes while they grow. */
  readonly foldBuffers: readonly Float32Array[];
  /** Where the communication thread finds all this. */
  readonly map: MemoryMap;
}

/**
 * Sets aside all the memory that a worker ever needs for one model.
 *
 * @throws {TrainerError} ERR_MEMORY.
 */
export async function createTrainingMemory(
  configuration: Configuration,
  numParams: number,
): Promise<TrainingMemory> {
  const { allReduce, wire } = configuration;
  const numLeaves = leavesPerStep(configuration);
  const vectorLength = numParams + 1;
  const scratchFloats = scratchFloatsOf(vectorLength, numLeaves, wire);
  const lengths = [numParams, numParams, numParams, vectorLength, scratchFloats];
  const foldLengths = Array.from({ length: numFoldBuffersMax(numLeaves) }, () => vectorLength);
  const kernels = await createKernels({ bytes: arenaBytes([...lengths, ...foldLengths]) });
  const arena = new Arena(kernels);
  const parameters = arena.floats(numParams);
  const firstMoments = arena.floats(numParams);
  const secondMoments = arena.floats(numParams);
  const sum = arena.floats(vectorLength);
  const scratch = arena.floats(scratchFloats);
  const foldBuffers = foldLengths.map((length) => arena.floats(length));
  const map: MemoryMap = {
    ...{ memory: kernels.memory, numParams, numLeaves, allReduce, wire },
    parameters: parameters.byteOffset,
    firstMoments: firstMoments.byteOffset,
    secondMoments: secondMoments.byteOffset,
    sum: sum.byteOffset,
    scratch: scratch.byteOffset,
    scratchFloats,
  };
  return { kernels, parameters, firstMoments, secondMoments, sum, foldBuffers, map };
}
