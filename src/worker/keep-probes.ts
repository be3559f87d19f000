import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import { asWriteError } from "../base/write-error.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { initialParameters } from "../model/initial-parameters.ts";
import { embeddingOf, type ProbedStep, type ProbeSubject, probeStep } from "./step-probe.ts";

/** Every one of so many first steps is probed, when most happens; later every tenth. */
const DENSE_STEPS = 100;
const SPARSE_STRIDE = 10;

/** Of which run probes are kept, and where. */
export interface ProbesOptions {
  readonly folder: string;
  readonly workerId: number;
  readonly configuration: Configuration;
  readonly layout: readonly TensorPlace[];
  readonly kernels: Kernels;
  readonly log: Log;
}

/**
 * Looks at steps, and appends what it finds to `worker-N.jsonl` of a folder, which is made when missing.
 *
 * After a resume steps come again: of two rows of one step the later counts.
 *
 * @returns what to call after each update. A full disk does not end it: the first failure is told.
 * @throws {TrainerError} ERR_WRITE when the folder cannot be made.
 */
export function keepProbes(options: ProbesOptions): (probed: ProbedStep) => void {
  const { folder, workerId, configuration, layout, kernels, log } = options;
  const { layerNormEpsilon } = configuration;
  const initialEmbedding = embeddingOf(
    layout,
    initialParameters(configuration, configuration.seed),
  );
  const subject: ProbeSubject = { layout, kernels, initialEmbedding, layerNormEpsilon };
  const path = join(folder, `worker-${workerId}.jsonl`);
  let hasFailed = false;
  const append = (text: string) => {
    try {
      appendFileSync(path, text);
    } catch (error) {
      if (!hasFailed) log.warn((asWriteError(path, error) as Error).message);
      hasFailed = true;
    }
  };
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw asWriteError(folder, error);
  }
  // A crash may have left half a line, to which the next would be glued; readers pass empty lines over.
  append("\n");
  return (probed) => {
    if (probed.step > DENSE_STEPS && probed.step % SPARSE_STRIDE !== 0) return;
    append(`${JSON.stringify(probeStep(subject, probed))}\n`);
  };
}
