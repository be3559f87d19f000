import type { Log } from "../../base/log.ts";
import type { PartPiece } from "../split-corpus.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { charTokenizer } from "./char-tokenizer.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import type { Tokenizer, TokenizerName } from "./tokenizer.ts";

/** What a tokenizer for a corpus is made from. */
export interface TokenizerMaking {
  readonly name: TokenizerName;
  /** For `bpe`: ids wanted. */
  readonly vocabSize: number | undefined;
  /** For `char`: every character of the corpus, validation included, so that all of it has ids. */
  readonly alphabet: string;
  /** Reads the corpus once more. `bpe` learns from the training part alone. */
  readonly trainingText: () => AsyncIterable<PartPiece>;
  readonly log: Log;
}

/** Makes the tokenizer that a corpus is to be encoded with. */
export async function makeTokenizer(making: TokenizerMaking): Promise<Tokenizer> {
  switch (making.name) {
    case "byte":
      return byteTokenizer();
    case "char":
      return charTokenizer(making.alphabet);
    case "bpe":
    case "gpt2":
      return loadTokenizer({ type: making.name });
  }
}
