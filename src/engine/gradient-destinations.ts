import { defined } from "../base/assert.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import { gradientName } from "../compiler/model-programs.ts";
import { createMemory } from "../kernels/create-memory.ts";
import { ALIGNED_FLOATS, isSeenInPlace } from "./is-seen-in-place.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";
import type { Tensors } from "./tensorflow-program.ts";

/** Where a program's gradients are to go. */
export interface GradientDestination {
  /** Tensors by the names of the gradients, to be fed. */
  readonly feeds: Tensors;
  /** Brings the numbers to the vector that was asked for, if they are not there yet. */
  deliver(): void;
}

/**
 * Tensors that are views of the places of gradients in a flat vector, so that a graph writes there
 * without a copy in between: straight into a vector on WebAssembly's memory that is aligned to 64 bytes
 * with all its tensors, as a worker's are; for any other vector into memory of its own, from which
 * `deliver` copies.
 */
export class GradientDestinations {
  /** Of all gradients. */
  readonly names: ReadonlySet<string>;
  readonly #binding: TensorflowBinding;
  readonly #places: readonly TensorPlace[];
  /** Those in `#buffer`, by the byte offset of the vector. */
  readonly #direct = new Map<number, GradientDestination>();
  #buffer: ArrayBufferLike | undefined;
  #staging: { readonly feeds: Tensors; readonly views: readonly Float32Array[] } | undefined;

  constructor(binding: TensorflowBinding, places: readonly TensorPlace[]) {
    this.#binding = binding;
    this.#places = places;
    this.names = new Set(places.map(({ name }) => gradientName(name)));
  }

  /** The destination of f32[numParams]; the same vector has the same one. */
  of(gradient: Float32Array): GradientDestination {
    if (gradient.buffer !== this.#buffer) {
      this.#forgetDirect();
      this.#buffer = gradient.buffer;
    }
    const known = this.#direct.get(gradient.byteOffset);
    if (known !== undefined) return known;
    const areAligned = this.#places.every(({ offset }) => offset % ALIGNED_FLOATS === 0);
    if (!areAligned || !isSeenInPlace(this.#binding, gradient)) return this.#staged(gradient);
    const views = this.#places.map(({ offset, length }) =>
      gradient.subarray(offset, offset + length),
    );
    const made = { feeds: this.#tensorsOf(views), deliver: () => undefined };
    this.#direct.set(gradient.byteOffset, made);
    return made;
  }

  /** Deletes all tensors. */
  dispose(): void {
    this.#forgetDirect();
    if (this.#staging !== undefined) this.#delete(this.#staging.feeds);
    this.#staging = undefined;
  }

  #staged(gradient: Float32Array): GradientDestination {
    const { feeds, views } = this.#staging ?? this.#makeStaging();
    const deliver = () => {
      for (const [i, { offset }] of this.#places.entries()) {
        gradient.set(defined(views[i], "a view of the staging memory"), offset);
      }
    };
    return { feeds, deliver };
  }

  #makeStaging() {
    const starts: number[] = [];
    let numFloats = 0;
    for (const { length } of this.#places) {
      starts.push(numFloats);
      numFloats += Math.ceil(length / ALIGNED_FLOATS) * ALIGNED_FLOATS;
    }
    const all = new Float32Array(createMemory(numFloats * 4).buffer, 0, numFloats);
    const views = this.#places.map(({ length }, i) => {
      const start = defined(starts[i], "a start");
      return all.subarray(start, start + length);
    });
    this.#staging = { views, feeds: this.#tensorsOf(views) };
    return this.#staging;
  }

  #tensorsOf(views: readonly Float32Array[]): Tensors {
    const { TF_FLOAT } = this.#binding;
    return Object.fromEntries(
      this.#places.map(({ name }, i) => {
        const view = defined(views[i], "a view");
        const id = this.#binding.createTensor([1, view.length], TF_FLOAT, view);
        return [gradientName(name), id];
      }),
    );
  }

  #forgetDirect(): void {
    for (const { feeds } of this.#direct.values()) this.#delete(feeds);
    this.#direct.clear();
  }

  #delete(tensors: Tensors): void {
    for (const id of Object.values(tensors)) this.#binding.deleteTensor(id);
  }
}
