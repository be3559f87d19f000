import type { Log } from "../../base/log.ts";
import { bpeTokenizer } from "./bpe-tokenizer.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { charTokenizer } from "./char-tokenizer.ts";
import { countWords } from "./count-words.ts";
import { gpt2Tokenizer } from "./gpt2-tokenizer.ts";
import type { Tokenizer, TokenizerName } from "./tokenizer.ts";
import { trainBpe } from "./train-bpe.ts";

const DEFAULT_VOCABULARY = 4096;

/** What a tokenizer for a corpus is made from. */
export interface TokenizerMaking {
  readonly name: TokenizerName;
  /** For `bpe`: ids wanted; default 4096. */
  readonly vocabSize: number | undefined;
  /** For `char`: every character of the corpus, validation included, so that all of it has ids. */
  readonly alphabet: string;
  /** Reads the training part once more, in pieces that end where a word does; `bpe` learns from it. */
  readonly trainingText: () => AsyncIterable<string>;
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
      return trainedTokenizer(making);
    case "gpt2":
      return gpt2Tokenizer();
  }
}

async function trainedTokenizer(making: TokenizerMaking): Promise<Tokenizer> {
  const { vocabSize = DEFAULT_VOCABULARY, trainingText, log } = making;
  const tokenizer = bpeTokenizer(trainBpe(await countWords(trainingText()), vocabSize));
  if (tokenizer.vocabSize < vocabSize) {
    log.warn(
      `The text has patterns for ${tokenizer.vocabSize} ids only; the vocabulary is that instead of ` +
        `${vocabSize}.`,
    );
  }
  return tokenizer;
}
