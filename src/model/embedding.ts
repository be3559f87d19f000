import * as tf from "@tensorflow/tfjs-core";

/**
 * Rows of a table, y[n] = table[ids[n]]; its gradient adds each row of dy to the row it came from.
 *
 * The gradient is stated here because tfjs's own (`unsortedSegmentSum`) visits, on its CPU backend,
 * all of dy once for every row of the table.
 *
 * @param table f32[V, C].
 * @param ids i32[N], each below V.
 * @returns f32[N, C].
 */
export function embedding(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  const rows = tf.customGrad((...inputs) => {
    const [x, save] = inputs as unknown as [tf.Tensor2D, tf.GradSaveFunc];
    const rowIds = tf.expandDims(ids, 1); // [N, 1]
    save([rowIds]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.scatterND(saved[0] as tf.Tensor, dy, x.shape); // [V, C]
    return { value: tf.gather(x, ids), gradFunc }; // [N, C]
  });
  return rows(table) as tf.Tensor2D;
}
