import * as tf from "@tensorflow/tfjs-core";

/**
 * The sum over all rows of the cross entropy in nats, Σ (log Σⱼ exp zⱼ − z[target]).
 *
 * With p = softmax(z) and m = max z: max p = exp(m − log Σ exp z), so log Σ exp z = m − log max p;
 * max p is at least 1/V, so the logarithm is safe for any logits. The gradient is p − onehot(target).
 *
 * @param logits f32[N, V].
 * @param targets i32[N], each below V.
 * @returns f32[].
 */
export function crossEntropySum(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const [numRows, vocabSize] = logits.shape;
  const lossSum = tf.customGrad((...inputs) => {
    const [z, save] = inputs as unknown as [tf.Tensor2D, tf.GradSaveFunc];
    const probabilities = tf.softmax(z); // [N, V]
    const logSum = tf.sub(tf.max(z, 1), tf.log(tf.max(probabilities, 1))); // [N]
    const rowStarts = tf.tensor1d(rowOffsets(numRows, vocabSize), "int32"); // [N]
    const chosen = tf.gather(tf.reshape(z, [-1]), tf.add(rowStarts, targets)); // [N]
    save([probabilities, targets]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [p, target] = saved as [tf.Tensor2D, tf.Tensor1D];
      const expected = tf.oneHot(target, vocabSize, 1, 0, "float32"); // [N, V]
      return tf.mul(tf.sub(p, expected), dy); // [N, V]
    };
    return { value: tf.sum(tf.sub(logSum, chosen)), gradFunc }; // []
  });
  return lossSum(logits) as tf.Scalar;
}

function rowOffsets(numRows: number, rowLength: number): Int32Array {
  return Int32Array.from({ length: numRows }, (_, row) => row * rowLength);
}
