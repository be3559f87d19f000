import type { VectorKernels } from "../../src/collective/vector-kernels.ts";

/** The kernels in plain loops: f32 sums have the same bits in JavaScript and in WebAssembly. */
export const plainKernels: VectorKernels = {
  add: (destination, source) => plainKernels.addInto(destination, destination, source),
  addInto(destination, a, b) {
    for (let i = 0; i < destination.length; i++) destination[i] = (a[i] ?? 0) + (b[i] ?? 0);
  },
};
