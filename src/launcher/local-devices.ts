import { TrainerError } from "../base/errors.ts";
import type { Gpu } from "./devices.ts";

/** Where local workers are to compute; `auto` is the NVIDIA GPUs where TensorFlow can use them, else the CPU. */
export type DeviceWish = "auto" | "cpu" | "gpu" | "webgpu";

/** What a machine has to offer. */
export interface DeviceFacts {
  /** Those that this process may use. */
  readonly gpus: readonly Gpu[];
  /** Whether TensorFlow is set up with CUDA. */
  readonly hasCuda: boolean;
}

/** Where local workers compute. */
export interface LocalDevices {
  /** For worker i, the device i modulo their number: "cpu", "gpu:N" or "webgpu". */
  readonly devices: readonly string[];
  /** For people: what was not used, why, and what to do. */
  readonly remark?: string;
}

const SET_UP = "`npm run setup:tensorflow -- --cuda`, once per user";

/**
 * Chooses the devices of local workers: one worker per NVIDIA GPU, or all on the CPU or its WebGPU adapter.
 *
 * @param engine as configured: another than `tensorflow` does not compute with CUDA.
 * @throws {TrainerError} ERR_ENGINE when GPUs are asked for and there are none, or nothing that uses them.
 */
export function localDevices(
  wish: DeviceWish,
  engine: "auto" | "onnx" | "tensorflow" | "tfjs",
  { gpus, hasCuda }: DeviceFacts,
): LocalDevices {
  if (wish === "cpu" || wish === "webgpu") return { devices: [wish] };
  const canCompute = hasCuda && (engine === "auto" || engine === "tensorflow");
  const names = gpus.map(({ index, name }) => `${index} (${name})`).join(", ");
  if (gpus.length > 0 && canCompute) return { devices: gpus.map(({ index }) => `gpu:${index}`) };
  if (wish === "gpu") {
    const why =
      gpus.length === 0
        ? "This machine shows no NVIDIA GPU (`nvidia-smi` lists none that CUDA_VISIBLE_DEVICES allows)"
        : hasCuda
          ? `The engine ${engine} does not compute on the NVIDIA GPUs ${names}; take --set engine=tensorflow`
          : `Nothing here computes on the NVIDIA GPUs ${names}: run ${SET_UP}`;
    throw new TrainerError("ERR_ENGINE", `${why}. Or use --device cpu or webgpu.`);
  }
  const isOverlooked = gpus.length > 0 && !hasCuda && engine !== "onnx" && engine !== "tfjs";
  return {
    devices: ["cpu"],
    ...(isOverlooked && {
      remark: `Computing on the CPU, though there are NVIDIA GPUs: ${names}. To use them run ${SET_UP}.`,
    }),
  };
}
