import { assert } from "../base/assert.ts";
import type { Environment } from "../base/environment.ts";
import { createEngine, type EngineName } from "./create-engine.ts";
import { measureRun } from "./measure-run.ts";
import { readReferenceFolder } from "./reference-folder.ts";
import { runReference } from "./run-reference.ts";
import type { Verification, VerificationReport } from "./verification-report.ts";

/** With what to compute. */
export interface VerifyOptions {
  readonly engines: readonly EngineName[];
  /** As in `EngineOptions`; "cpu" unless given. */
  readonly device?: string;
  readonly numThreads: number;
  /** The process's own: see `createEngine`. */
  readonly environment?: Environment;
}

/**
 * Computes what reference folders hold with each engine, and says how far the results are off.
 *
 * All folders are read before anything is computed, so a bad one is named at once.
 *
 * @throws {TrainerError} ERR_REFERENCE, ERR_SAFETENSORS for a folder that cannot be used; ERR_ENGINE
 *   when an engine does not work here. An engine that is merely wrong is no error: see `passed`.
 */
export async function verifyFolders(
  folders: readonly string[],
  { engines, device = "cpu", ...options }: VerifyOptions,
): Promise<VerificationReport> {
  assert(folders.length > 0 && engines.length > 0, "nothing to verify");
  const references = [];
  for (const folder of folders) references.push(await readReferenceFolder(folder));
  const verifications: Verification[] = [];
  for (const reference of references) {
    for (const name of engines) {
      const { model } = reference;
      await using engine = await createEngine({ engine: name, device, model, ...options });
      const results = await runReference(engine, reference);
      verifications.push({
        folder: reference.folder,
        engine: engine.description,
        numSteps: reference.batches.length,
        ...measureRun(reference, results),
      });
    }
  }
  return { verifications, passed: verifications.every(({ passed }) => passed) };
}
