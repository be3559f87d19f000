/** Text to token ids and back. */
export interface Tokenizer {
  /** What `tokenizer.json` holds; `loadTokenizer` makes an equal tokenizer of it. */
  readonly description: TokenizerDescription;
  /** Ids are below this. */
  readonly vocabSize: number;
  /** The id that stands between documents; undefined where a newline does that. */
  readonly endOfText: number | undefined;
  /**
   * The ids of a text. A lone surrogate, which no UTF-8 file can hold, counts as U+FFFD; `char` refuses
   * it like any character outside its alphabet.
   *
   * @throws {TrainerError} ERR_TOKENIZER_CHARACTER by `char` alone.
   */
  encode(text: string): Uint32Array;
  /**
   * The text of ids: `decode(encode(text))` is `text` for any well-formed text. Bytes that are not
   * UTF-8 (which a model can produce) and ids past the vocabulary become U+FFFD.
   */
  decode(tokens: Iterable<number>): string;
  /** Decodes token by token, as a model generates. */
  decodeStream(): DecodeStream;
}

/** Text that grows token by token; a character whose bytes come in several tokens comes out whole. */
export interface DecodeStream {
  /** The text that this token completes; often empty in the middle of a character. */
  push(token: number): string;
  /** What is left at the end: U+FFFD for an unfinished character, else nothing. */
  end(): string;
}

/** The content of `tokenizer.json`. */
export type TokenizerDescription =
  | ByteTokenizerDescription
  | CharTokenizerDescription
  | BpeTokenizerDescription
  | Gpt2TokenizerDescription;

/** The UTF-8 bytes themselves. */
export interface ByteTokenizerDescription {
  readonly type: "byte";
  readonly vocabSize: 256;
}

/** One id per Unicode code point. */
export interface CharTokenizerDescription {
  readonly type: "char";
  readonly vocabSize: number;
  /** The code points in the order of their ids. */
  readonly alphabet: string;
}

/** Byte-level pair encoding: ids below 256 are bytes, id 256 + i is the i-th merge. */
export interface BpeTokenizerDescription {
  readonly type: "bpe";
  readonly vocabSize: number;
  /** How text is cut into words before merging. */
  readonly words: "smallinit-1";
  /** The two ids whose bytes, joined, are the bytes of id 256 + i; both are below it. */
  readonly merges: readonly (readonly [number, number])[];
}

/** The byte-level pair encoding of GPT-2 (r50k_base). */
export interface Gpt2TokenizerDescription {
  readonly type: "gpt2";
  readonly vocabSize: 50257;
}

/** A tokenizer's name on the command line. */
export type TokenizerName = TokenizerDescription["type"];
