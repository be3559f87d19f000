import * as tf from "@tensorflow/tfjs-core";

/**
 * Makes tfjs able to differentiate the operations that the model uses bare; all others have their
 * gradients beside them, as `customGrad`. Calling it again changes nothing.
 *
 * tfjs's own gradients are files that its bundle for Node leaves out and that Node cannot load by
 * themselves (their imports lack extensions).
 */
export function registerGradients(): void {
  for (const gradient of GRADIENTS) {
    if (tf.getGradient(gradient.kernelName) === undefined) tf.registerGradient(gradient);
  }
}

const GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: tf.Add,
    inputsToSave: ["a", "b"],
    gradFunc: (gradient, saved) => {
      const dy = gradient as tf.Tensor;
      const [a, b] = saved as unknown as [tf.Tensor, tf.Tensor];
      return { a: () => sumTo(a.shape, dy), b: () => sumTo(b.shape, dy) };
    },
  },
  {
    kernelName: tf.Multiply,
    inputsToSave: ["a", "b"],
    gradFunc: (gradient, saved) => {
      const dy = gradient as tf.Tensor;
      const [a, b] = saved as unknown as [tf.Tensor, tf.Tensor];
      return { a: () => sumTo(a.shape, tf.mul(dy, b)), b: () => sumTo(b.shape, tf.mul(dy, a)) };
    },
  },
  {
    // y = a bᵀ, the one form in which the model multiplies matrices bare: da = dy b, db = dyᵀ a.
    kernelName: tf.BatchMatMul,
    inputsToSave: ["a", "b"],
    gradFunc: (gradient, saved) => {
      const dy = gradient as tf.Tensor;
      const [a, b] = saved as unknown as [tf.Tensor, tf.Tensor];
      return { a: () => tf.matMul(dy, b), b: () => tf.matMul(dy, a, true, false) };
    },
  },
  {
    kernelName: tf.Reshape,
    inputsToSave: ["x"],
    gradFunc: (gradient, saved) => {
      const dy = gradient as tf.Tensor;
      const [x] = saved as unknown as [tf.Tensor];
      return { x: () => tf.reshape(dy, x.shape) };
    },
  },
  {
    kernelName: tf.Transpose,
    gradFunc: (gradient, _saved, attributes) => {
      const dy = gradient as tf.Tensor;
      const { perm } = attributes as unknown as tf.TransposeAttrs;
      return { x: () => tf.transpose(dy, inverseOf(perm)) };
    },
  },
  {
    kernelName: tf.Slice,
    inputsToSave: ["x"],
    gradFunc: (gradient, saved, attributes) => {
      const dy = gradient as tf.Tensor;
      const [x] = saved as unknown as [tf.Tensor];
      const { begin } = attributes as unknown as { readonly begin: readonly number[] };
      const paddings = dy.shape.map((size, i): [number, number] => {
        const before = begin[i] ?? 0;
        return [before, (x.shape[i] ?? 0) - before - size];
      });
      return { x: () => tf.pad(dy, paddings) };
    },
  },
  {
    kernelName: tf.Concat,
    saveAllInputs: true,
    gradFunc: (gradient, saved, attributes) => {
      const parts = saved as unknown as tf.Tensor[];
      const { axis } = attributes as unknown as tf.ConcatAttrs;
      const sizes = parts.map(({ shape }) => shape[axis] ?? 0);
      const slices = tf.split(gradient as tf.Tensor, sizes, axis);
      return Object.fromEntries(slices.map((slice, i) => [i, () => slice]));
    },
  },
];

/** The gradient of what was stretched to the shape of `dy`: the sum over the stretched dimensions. */
function sumTo(shape: number[], dy: tf.Tensor): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, dy.shape);
  return axes.length === 0 ? dy : tf.reshape(tf.sum(dy, axes), shape);
}

function inverseOf(permutation: readonly number[]): number[] {
  return permutation.map((_, i) => permutation.indexOf(i));
}
