import type { TensorShape } from "../protocol/messages.ts";

/** Floats of the parameters; 0 before a worker has told their layout. */
export function numParamsOf(layout: readonly TensorShape[] | undefined): number {
  return (layout ?? []).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
}

/** Bytes of the state that checkpoints and snapshots hold: parameters and two moments, in f32. */
export function stateBytesOf(layout: readonly TensorShape[] | undefined): number {
  return 3 * 4 * numParamsOf(layout);
}
