import { bytePairTokenizer } from "./byte-pair-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { WORD_PATTERNS } from "./word-patterns.ts";

/** GPT-2's tokens, from package gpt-tokenizer; loaded when asked for, since they are half a megabyte. */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const { default: ranks } = await import("gpt-tokenizer/bpeRanks/r50k_base");
  const encoder = new TextEncoder();
  return bytePairTokenizer({
    description: { type: "gpt2", vocabSize: 50257 },
    tokenBytes: ranks.map((rank) =>
      typeof rank === "string" ? encoder.encode(rank) : Uint8Array.from(rank),
    ),
    wordPattern: WORD_PATTERNS.gpt2,
    endOfText: "<|endoftext|>",
  });
}
