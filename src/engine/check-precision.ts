import { TrainerError } from "../base/errors.ts";
import type { MatrixPrecision } from "../compiler/tensorflow/site.ts";

/** What is to be multiplied, where and by which TensorFlow. */
export interface PrecisionQuestion {
  /** "cpu" or "gpu:N". */
  readonly device: string;
  readonly precision: MatrixPrecision;
  /** Of TensorFlow, for example "2.21.0". */
  readonly version: string;
}

/** The first TensorFlow with kernels for products in bfloat16 on GPUs. */
const BF16_ON_GPU = { major: 2, minor: 12 } as const;

/**
 * Refuses products that TensorFlow would move from the GPU to the CPU without a word: what it has no kernel for
 * on a device it places elsewhere, and the addon lets nobody forbid that, nor ask where something runs.
 *
 * @throws {TrainerError} ERR_ENGINE.
 */
export function checkPrecision({ device, precision, version }: PrecisionQuestion): void {
  if (device === "cpu" || precision === "f32") return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNewEnough =
    major > BF16_ON_GPU.major || (major === BF16_ON_GPU.major && minor >= BF16_ON_GPU.minor);
  if (isNewEnough) return;
  throw new TrainerError(
    "ERR_ENGINE",
    `TensorFlow ${version} has no products in bf16 on GPUs, which came with 2.12: it would compute them on the CPU, ` +
      `not on ${device}. Run \`npm run setup:tensorflow -- --cuda --from wheel\`, or set precision=f32.`,
  );
}
