import type { Kernels } from "../kernels/kernels.ts";

/** What the collective needs of `kernels`; tests give it the same in plain loops. */
export type VectorKernels = Pick<Kernels, "add" | "addInto" | "packBf16" | "unpackBf16">;
