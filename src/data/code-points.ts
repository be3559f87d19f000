/** The number of code points in well-formed text. */
export function countCodePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    if (isLowSurrogate(text.charCodeAt(i))) count--;
  }
  return count;
}

/**
 * The index in `text` after its first `count` code points.
 *
 * @param count at most the number of code points in `text`.
 */
export function indexAfter(text: string, count: number): number {
  let index = count;
  for (let i = 0; i < index; i++) {
    // A pair takes two places for one code point: the second moves the end by one.
    if (isLowSurrogate(text.charCodeAt(i + 1)) && !isLowSurrogate(text.charCodeAt(i))) index++;
  }
  return Math.min(index, text.length);
}

function isLowSurrogate(codeUnit: number): boolean {
  return (codeUnit & 0xfc00) === 0xdc00;
}
