/** One tensor's place in a flat f32 vector in layout order. */
export interface TensorPlace {
  /** The name of the reference, for example "blocks.0.attn.query.weight". */
  readonly name: string;
  /** Weights of linear layers are [out, in]. */
  readonly shape: readonly number[];
  /** First float. */
  readonly offset: number;
  /** Number of floats: the product of `shape`. */
  readonly length: number;
  /** Whether decoupled weight decay applies. */
  readonly decays: boolean;
}
