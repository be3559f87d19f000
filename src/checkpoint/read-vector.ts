import type { TensorPlace } from "../base/tensor-place.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors-file.ts";
import { refuseFile } from "./safetensors-header.ts";

/** The part of a `TensorPlace` that says where values go. */
export type Place = Pick<TensorPlace, "name" | "shape" | "offset" | "length">;

/**
 * Reads a safetensors file whose tensors are those of `layout`, in any order, as one flat vector.
 *
 * @returns f32[sum of lengths], in layout order.
 * @throws {TrainerError} ERR_SAFETENSORS as `openSafetensors`, and when a tensor is missing, too many or
 *   of another shape.
 */
export async function readVector(path: string, layout: readonly Place[]): Promise<Float32Array> {
  await using file = await openSafetensors(path);
  if (file.tensors.length > layout.length) {
    const known = new Set(layout.map(({ name }) => name));
    const strange = file.tensors.find(({ name }) => !known.has(name));
    refuseFile(path, `it has a tensor "${strange?.name}" that this model does not have`);
  }
  const vector = new Float32Array(layout.reduce((sum, { length }) => sum + length, 0));
  await readPlaces(file, path, layout, vector);
  return vector;
}

/**
 * Reads the tensors of `layout` into their places in `vector`; the file may hold more.
 *
 * @param nameInFile the name under which the file has a tensor.
 * @throws {TrainerError} ERR_SAFETENSORS when one is missing or of another shape.
 */
export async function readPlaces(
  file: SafetensorsFile,
  path: string,
  layout: readonly Place[],
  vector: Float32Array,
  nameInFile: (name: string) => string = (name) => name,
): Promise<void> {
  const entries = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, offset, length } of layout) {
    const wanted = nameInFile(name);
    const entry = entries.get(wanted) ?? refuseFile(path, `it has no tensor "${wanted}"`);
    if (entry.shape.join() !== shape.join()) {
      refuseFile(path, `its "${wanted}" is [${entry.shape}] instead of [${shape}]`);
    }
    await file.read(entry, vector.subarray(offset, offset + length));
  }
}
