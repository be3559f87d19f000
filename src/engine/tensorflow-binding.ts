/** A tensor that a session returned. */
export interface TensorflowTensorInfo {
  readonly id: number;
}

/** What smallinit uses of the native addon of `@tensorflow/tfjs-node-gpu` and `@tensorflow/tfjs-node`. */
export interface TensorflowBinding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  /** For example "2.21.0". */
  readonly TF_Version: string;
  /**
   * A tensor of `data`, which may lie on shared memory. Data aligned to 64 bytes is not copied: the
   * tensor is then a view of it, and lets go of it in the thread in which its last use ends; that must
   * be this one.
   *
   * @returns the tensor's id.
   */
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array): number;
  deleteTensor(tensorId: number): void;
  /** A copy of the tensor's numbers, on memory of its own. */
  tensorDataSync(tensorId: number): Float32Array | Int32Array;
  /** @param tags separated by commas. @returns the model's id. */
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(modelId: number): void;
  /** @param inputs, outputs names `node:index`, separated by commas. Blocks the calling thread. */
  runSavedModel(
    modelId: number,
    inputTensorIds: readonly number[],
    inputs: string,
    outputs: string,
  ): readonly TensorflowTensorInfo[];
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
}
