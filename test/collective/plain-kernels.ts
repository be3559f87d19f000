import type { VectorKernels } from "../../src/collective/vector-kernels.ts";
import { plainBf16, plainFloat } from "../kernels/plain-loops.ts";

/** The kernels in plain loops: f32 sums have the same bits in JavaScript and in WebAssembly. */
export const plainKernels: VectorKernels = {
  add: (destination, source) => plainKernels.addInto(destination, destination, source),
  addInto(destination, a, b) {
    for (let i = 0; i < destination.length; i++) destination[i] = (a[i] ?? 0) + (b[i] ?? 0);
  },
  packBf16(destination, source) {
    for (const [i, value] of source.entries()) destination[i] = plainBf16(value);
  },
  unpackBf16(destination, source) {
    for (let i = 0; i < destination.length; i++) destination[i] = plainFloat(source[i] ?? 0);
  },
};
