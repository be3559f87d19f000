import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfiguration } from "../configuration/configuration.ts";

/** The cosines and sines by which each position turns each pair of dimensions, f32[T, R/2]. */
export interface Rotation {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** The values of a `Rotation`, row-major. */
export interface RotationTable {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  /** Columns: pairs of dimensions that turn, R/2. */
  readonly numPairs: number;
}

/**
 * The angles of rotary positions (Su et al. 2021), angle(t, j) = t · 10000^(−2j/R), for
 * `numPositions` positions. The first R = ⌊D/2⌋ dimensions of a head turn.
 */
export function rotationTable(
  model: ModelConfiguration,
  numPositions: number,
  firstPosition = 0,
): RotationTable {
  const numRotary = Math.floor(model.embeddingSize / model.numHeads / 2);
  const numPairs = numRotary / 2;
  const cos = new Float32Array(numPositions * numPairs);
  const sin = new Float32Array(numPositions * numPairs);
  for (let t = 0; t < numPositions; t++) {
    for (let j = 0; j < numPairs; j++) {
      const angle = (firstPosition + t) * 10_000 ** ((-2 * j) / numRotary);
      cos[t * numPairs + j] = Math.cos(angle);
      sin[t * numPairs + j] = Math.sin(angle);
    }
  }
  return { cos, sin, numPairs };
}

/**
 * Turns dimensions j and j + R/2 of each head by the angle of the position:
 *
 *     y[j] = x[j] · cos − x[j + R/2] · sin,   y[j + R/2] = x[j + R/2] · cos + x[j] · sin
 *
 * and passes the dimensions from R on. A rotation's transpose turns back: dx = rotate(dy, cos, −sin).
 *
 * @param x f32[B, H, T, D].
 * @returns f32[B, H, T, D].
 */
export function rotate(rotation: Rotation, x: tf.Tensor4D): tf.Tensor4D {
  const { cos, sin } = rotation;
  const turned = tf.customGrad((...inputs) => {
    const [y, save] = inputs as unknown as [tf.Tensor4D, tf.GradSaveFunc];
    save([cos, sin]);
    return { value: turn(y, cos, sin), gradFunc: turnBack };
  });
  return turned(x) as tf.Tensor4D;
}

function turnBack(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor4D {
  const [cos, sin] = saved as [tf.Tensor2D, tf.Tensor2D];
  return turn(dy as tf.Tensor4D, cos, tf.neg(sin)); // [B, H, T, D]
}

function turn(x: tf.Tensor4D, cos: tf.Tensor2D, sin: tf.Tensor2D): tf.Tensor4D {
  const headSize = x.shape[3];
  const numPairs = cos.shape[1];
  const sizes = [numPairs, numPairs, headSize - 2 * numPairs];
  const [first, second, rest] = tf.split(x, sizes, 3) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const turnedFirst = tf.sub<tf.Tensor4D>(tf.mul(first, cos), tf.mul(second, sin)); // [B, H, T, R/2]
  const turnedSecond = tf.add<tf.Tensor4D>(tf.mul(second, cos), tf.mul(first, sin)); // [B, H, T, R/2]
  return tf.concat<tf.Tensor4D>([turnedFirst, turnedSecond, rest], 3); // [B, H, T, D]
}
