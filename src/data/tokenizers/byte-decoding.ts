import type { DecodeStream } from "./tokenizer.ts";

/** U+FFFD in UTF-8: what an id past the vocabulary reads as. */
const REPLACEMENT = Uint8Array.of(0xef, 0xbf, 0xbd);

/**
 * Decoding for tokenizers whose tokens are byte strings.
 *
 * @param bytesOf the bytes of each id.
 */
export function byteDecoding(bytesOf: readonly Uint8Array[]): ByteDecoding {
  function decodeStream(): DecodeStream {
    // ignoreBOM: a TextDecoder would else swallow U+FEFF at the start of the text.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (token) => decoder.decode(bytesOf[token] ?? REPLACEMENT, { stream: true }),
      end: () => decoder.decode(),
    };
  }
  function decode(tokens: Iterable<number>): string {
    const stream = decodeStream();
    let text = "";
    for (const token of tokens) text += stream.push(token);
    return text + stream.end();
  }
  return { decode, decodeStream };
}

/** The decoding half of a tokenizer. */
export interface ByteDecoding {
  decode(tokens: Iterable<number>): string;
  decodeStream(): DecodeStream;
}
