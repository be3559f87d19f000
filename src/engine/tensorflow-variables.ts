import type { Environment } from "../base/environment.ts";

/**
 * What TensorFlow, and the libraries behind it, are to find in the environment when they are loaded.
 *
 * @param device "cpu" or "gpu:N".
 */
export function tensorflowVariables(device: string, numThreads: number): Environment {
  const isCpu = device === "cpu";
  return {
    // oneDNN multiplies faster than Eigen; said aloud, it is used whatever the processor.
    TF_ENABLE_ONEDNN_OPTS: "1",
    TF_NUM_INTRAOP_THREADS: String(numThreads),
    TF_NUM_INTEROP_THREADS: "1",
    OMP_NUM_THREADS: String(numThreads),
    // Sums in which several threads take part keep one order.
    TF_DETERMINISTIC_OPS: "1",
    // The reason why a GPU is not used is a warning; on a CPU there is nothing to warn of.
    TF_CPP_MIN_LOG_LEVEL: isCpu ? "2" : "1",
    // TensorFlow takes all visible GPUs, and all of their memory, unless told otherwise.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // From Ampere on TensorFlow multiplies f32 as TF32, with 10 bits of 23, unless NVIDIA's libraries are told.
    NVIDIA_TF32_OVERRIDE: "0",
    // The numbers of nvidia-smi, not CUDA's own order of speed.
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: isCpu ? "-1" : device.slice("gpu:".length),
  };
}
