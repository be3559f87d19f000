import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { digestWithPauses } from "../base/digest.ts";
import { syncFolder, type WrittenFile, writePieces } from "../base/durable-file.ts";
import { type FileLayer, systemFiles } from "../base/file-layer.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";
import { type Configuration, sectionsOf } from "../configuration/configuration.ts";
import {
  CONFIG_FILE,
  firstMomentName,
  MODEL_FILE,
  OPTIMIZER_FILE,
  STATE_FILE,
  secondMomentName,
  TOKENIZER_FILE,
} from "./checkpoint-files.ts";
import {
  checkpointName,
  checkpointsFolder,
  RETIRED_SUFFIX,
  UNFINISHED_SUFFIX,
} from "./checkpoint-folders.ts";
import { formatManifest, MANIFEST_FILE } from "./manifest.ts";
import { removeLeavings } from "./remove-leavings.ts";
import { type NamedTensor, safetensorsPieces } from "./safetensors-file.ts";

/** Everything that a run needs to go on from a step, and a user to use the model. */
export interface CheckpointContent {
  /** Updates that the parameters have seen. */
  readonly step: number;
  readonly configuration: Configuration;
  /** In layout order, without gaps. */
  readonly layout: readonly Pick<TensorPlace, "name" | "shape" | "offset" | "length">[];
  /** f32[numParams]; like the moments, may lie on shared memory, and must not change meanwhile. */
  readonly parameters: Float32Array;
  /** f32[numParams]. */
  readonly firstMoments: Float32Array;
  /** f32[numParams]. */
  readonly secondMoments: Float32Array;
  /** The content of the data's `tokenizer.json`; undefined when they have none. */
  readonly tokenizer: unknown;
  /** Plain JSON. `validationLoss`, where it is known, lets `pruneCheckpoints` keep the best. */
  readonly state: Readonly<Record<string, unknown>>;
}

/**
 * Writes a checkpoint of a run, so that at any moment, also after a crash or a power cut, each of the
 * run's checkpoints is whole: into a temporary folder beside, to the disk, then renamed.
 *
 * A checkpoint of the same step is replaced. First clears away what an earlier crash left, so a run has
 * one writer at a time.
 *
 * @returns the folder, `runFolder`/checkpoints/step-NNNNNNNN.
 * @throws {TrainerError} ERR_WRITE on a full disk, missing permission and the like; then all former
 *   checkpoints are whole and the temporary folder is gone.
 */
export async function saveCheckpoint(
  runFolder: string,
  content: CheckpointContent,
  files: FileLayer = systemFiles,
): Promise<string> {
  const parent = checkpointsFolder(runFolder);
  const folder = join(parent, checkpointName(content.step));
  const unfinished = folder + UNFINISHED_SUFFIX;
  try {
    await files.mkdir(parent, { recursive: true });
    await removeLeavings(parent, files);
    await files.mkdir(unfinished);
    await writeContent(unfinished, content, files);
    await putInPlace(unfinished, folder, files);
    await syncFolder(parent, files);
  } catch (error) {
    await files.rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    throw asWriteError(folder, error);
  }
  return folder;
}

async function writeContent(
  folder: string,
  content: CheckpointContent,
  files: FileLayer,
): Promise<void> {
  const { step, layout, parameters, firstMoments, secondMoments, tokenizer, state } = content;
  const optimizerTensors = [
    ...tensorsOf(layout, firstMoments, firstMomentName),
    ...tensorsOf(layout, secondMoments, secondMomentName),
  ];
  // "pt" tells transformers and others that the tensors are laid out as PyTorch's.
  const metadata = { format: "pt", producer: "smallinit", step: String(step) };
  const pieces: Record<string, Iterable<Uint8Array>> = {
    [MODEL_FILE]: safetensorsPieces(tensorsOf(layout, parameters), metadata),
    [OPTIMIZER_FILE]: safetensorsPieces(optimizerTensors, metadata),
    [CONFIG_FILE]: jsonPieces(sectionsOf(content.configuration)),
    [STATE_FILE]: jsonPieces({
      ...state,
      step,
      parameterDigest: await digestWithPauses(parameters),
    }),
  };
  if (tokenizer !== undefined) pieces[TOKENIZER_FILE] = jsonPieces(tokenizer);

  const manifest: Record<string, WrittenFile> = {};
  for (const [name, bytes] of Object.entries(pieces)) {
    manifest[name] = await writePieces(join(folder, name), bytes, files);
  }
  await writePieces(join(folder, MANIFEST_FILE), [Buffer.from(formatManifest(manifest))], files);
  await syncFolder(folder, files);
}

function tensorsOf(
  layout: CheckpointContent["layout"],
  vector: Float32Array,
  rename: (name: string) => string = (name) => name,
): readonly NamedTensor[] {
  const end = layout.at(-1);
  assert(
    end !== undefined && end.offset + end.length === vector.length,
    "layout and vector differ",
  );
  return layout.map(({ name, shape, offset, length }) => ({
    name: rename(name),
    shape,
    values: vector.subarray(offset, offset + length),
  }));
}

function jsonPieces(value: unknown): readonly Uint8Array[] {
  return [Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)];
}

/** Gives the finished folder its name; where one bears it already, that one steps aside first. */
async function putInPlace(finished: string, folder: string, files: FileLayer): Promise<void> {
  try {
    await files.rename(finished, folder);
  } catch (error) {
    const code = systemCode(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    const retired = folder + RETIRED_SUFFIX;
    await files.rename(folder, retired);
    try {
      await files.rename(finished, folder);
    } catch (failure) {
      await files.rename(retired, folder);
      throw failure;
    }
    // The new checkpoint stands; what cannot be deleted now, the next save clears away.
    await files.rm(retired, { recursive: true, force: true }).catch(() => undefined);
  }
}
