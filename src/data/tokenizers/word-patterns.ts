/**
 * How text is cut into the words inside which bytes are merged.
 *
 * All patterns match any text whole, and no word goes on from another character to a blank: a blank
 * begins a word or stands among blanks. `encodeParts` relies on that. The bounds keep a text without
 * blanks from being one word of a million letters.
 */
export const WORD_PATTERNS = {
  /** A contraction's end, letters with their marks, up to three digits, other characters, blanks. */
  "smallinit-1": wordPattern({
    contractions: "'(?:[sdmtSDMT]|ll|ve|re|LL|VE|RE)",
    letters: "[\\p{L}\\p{M}]{1,64}",
    digits: "\\p{N}{1,3}",
    others: "[^\\p{White_Space}\\p{L}\\p{M}\\p{N}]{1,64}",
    blanks: "\\p{White_Space}{1,64}",
  }),
  /** GPT-2's, but for the bounds, which no word of a real text reaches. */
  gpt2: wordPattern({
    contractions: "'(?:s|t|re|ve|m|ll|d)",
    letters: "\\p{L}{1,1024}",
    digits: "\\p{N}{1,1024}",
    others: "[^\\p{White_Space}\\p{L}\\p{N}]{1,1024}",
    blanks: "\\p{White_Space}{1,1024}",
  }),
} as const;

interface WordKinds {
  readonly contractions: string;
  readonly letters: string;
  readonly digits: string;
  readonly others: string;
  readonly blanks: string;
}

/** The last of several blanks belongs to the word after it. */
function wordPattern({ contractions, letters, digits, others, blanks }: WordKinds): RegExp {
  const endOfBlanks = "(?![^\\p{White_Space}])";
  return new RegExp(
    `${contractions}| ?${letters}| ?${digits}| ?${others}|${blanks}${endOfBlanks}|${blanks}`,
    "gu",
  );
}
