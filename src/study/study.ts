/** An experiment: the same training in several ways, to be compared. */
export interface Study {
  readonly name: string;
  readonly title: string;
  /** What one wants to know, in a sentence or two. */
  readonly question: string;
  readonly corpora: readonly StudyCorpus[];
  readonly arms: readonly StudyArm[];
  /** Keys of the configuration and the values that each takes, for every arm. */
  readonly vary: readonly Variation[];
  readonly seeds: readonly number[];
  /** What all runs have in common; an arm's settings win. */
  readonly configuration: Settings;
  readonly claims: readonly Claim[];
}

/** Values by key of the configuration, not yet completed. */
export type Settings = Readonly<Record<string, unknown>>;

/** A text and how it becomes tokens. */
export interface StudyCorpus {
  readonly name: string;
  readonly title: string;
  /** `demo`: the packaged corpus; else files and folders of text. */
  readonly source: "demo" | readonly string[];
  readonly tokenizer: "byte" | "char" | "bpe" | "gpt2";
  readonly vocabSize?: number;
  /** Validation's part of the text. */
  readonly validation: number;
  readonly split: "interleaved" | "tail";
}

/** One way to train. */
export interface StudyArm {
  readonly name: string;
  /** A few words for legends. */
  readonly title: string;
  readonly configuration: Settings;
}

/** A key of the configuration that is tried with several values. */
export interface Variation {
  readonly key: string;
  readonly values: readonly number[];
}

/** Something that is said of the arms, which the runs can bear out or not. */
export interface Claim {
  readonly name: string;
  /** The claim, as a sentence. */
  readonly statement: string;
  /**
   * `speed`: by what factor fewer steps `arm` takes than `against` to the same losses. `loss`: how much
   * lower its last validation loss is. `trains`: whether more of its runs get below the frequencies of tokens.
   */
  readonly measure: "speed" | "loss" | "trains";
  readonly arm: string;
  readonly against: string;
  /** The claim is that the effect is larger here than there. */
  readonly more?: Contrast;
}

/** Where an effect is said to be larger: between two corpora, or than between two other arms. */
export type Contrast =
  | { readonly type: "corpora"; readonly on: string; readonly than: string }
  | { readonly type: "arms"; readonly arm: string; readonly against: string };
