/** The model's shape and variant; the keys are those of a checkpoint's `config.json` under `model`. */
export interface ModelConfiguration {
  /** V: number of token ids. */
  readonly vocabSize: number;
  /** T: the longest sequence. */
  readonly contextLength: number;
  /** C: width of the residual stream; a multiple of `numHeads`. */
  readonly embeddingSize: number;
  /** H. */
  readonly numHeads: number;
  /** L. */
  readonly numLayers: number;
  /** `geglu`: out(gelu(key(x)) · value(x)) with the exact gelu; `gelu`: out(gelu_tanh(in(x))). */
  readonly ffn: "geglu" | "gelu";
  /** F: hidden width of the feed-forward layer. */
  readonly ffnSize: number;
  readonly positions: "rotary" | "learned";
  readonly norm: "pre" | "post";
  /** Embedding from U(-1e-4, 1e-4) instead of N(0, 0.02). */
  readonly smallInit: boolean;
  /** LayerNorm directly after the embedding. */
  readonly embedNorm: boolean;
  /** ε of every LayerNorm, inside its square root. */
  readonly layerNormEpsilon: number;
  /** Biases of the linear layers inside the blocks. */
  readonly bias: boolean;
}

/** How a model is trained. */
export interface TrainingConfiguration {
  /** Sequences per step. */
  readonly batchSize: number;
  /** Sequences per leaf, the unit of work; divides `batchSize`. */
  readonly microBatchSize: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmupSteps: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global gradient norm; longer gradients are scaled down to it. */
  readonly gradientClip: number;
  readonly seed: number;
  /** Steps between evaluations; 0: only at the end. */
  readonly evaluateEvery: number;
  /** Steps between checkpoints; 0: only at the end. */
  readonly checkpointEvery: number;
  /** Steps in a row whose gradient may be not finite, and which are skipped. */
  readonly maxSkippedSteps: number;
}

/** How the fleet computes and talks. */
export interface FleetConfiguration {
  /** Of matrix products; everything else and the parameters are f32. */
  readonly precision: "f32" | "bf16";
  readonly engine: "auto" | "onnx" | "tensorflow" | "tfjs";
  /** `mesh`: workers link to each other; `star`: through the coordinator. */
  readonly allReduce: "mesh" | "star";
  /** `bf16` halves the bytes of gradients; sums then depend on who computed which leaf. */
  readonly wire: "f32" | "bf16";
}

/** Everything that decides what a run computes, complete and checked. */
export interface Configuration
  extends ModelConfiguration,
    TrainingConfiguration,
    FleetConfiguration {}

/** Leaves per step, M. */
export function leavesPerStep(configuration: TrainingConfiguration): number {
  return configuration.batchSize / configuration.microBatchSize;
}

/** The model's part of a configuration, and nothing else. */
export function modelOf(configuration: ModelConfiguration): ModelConfiguration {
  const { vocabSize, contextLength, embeddingSize, numHeads, numLayers, ffn, ffnSize } =
    configuration;
  const { positions, norm, smallInit, embedNorm, layerNormEpsilon, bias } = configuration;
  return {
    ...{ vocabSize, contextLength, embeddingSize, numHeads, numLayers, ffn, ffnSize },
    ...{ positions, norm, smallInit, embedNorm, layerNormEpsilon, bias },
  };
}

/** A configuration by what its keys are about; the form of a checkpoint's `config.json`. */
export interface ConfigurationSections {
  readonly model: ModelConfiguration;
  readonly training: TrainingConfiguration;
  readonly fleet: FleetConfiguration;
}

/** The three parts of a configuration; spread together, they are the whole again. */
export function sectionsOf(configuration: Configuration): ConfigurationSections {
  const { batchSize, microBatchSize, steps, learningRate, minLearningRate } = configuration;
  const { warmupSteps, beta1, beta2, epsilon, weightDecay, gradientClip } = configuration;
  const { seed, evaluateEvery, checkpointEvery, maxSkippedSteps } = configuration;
  const { precision, engine, allReduce, wire } = configuration;
  return {
    model: modelOf(configuration),
    training: {
      ...{ batchSize, microBatchSize, steps, learningRate, minLearningRate, warmupSteps },
      ...{ beta1, beta2, epsilon, weightDecay, gradientClip },
      ...{ seed, evaluateEvery, checkpointEvery, maxSkippedSteps },
    },
    fleet: { precision, engine, allReduce, wire },
  };
}
