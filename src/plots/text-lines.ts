/** Mean width of a letter of a sans-serif font, in parts of its size: measured on English sentences. */
const LETTER_WIDTH = 0.53;

/** Width of a text in pixels, about; SVG can neither measure nor break lines by itself. */
export function textWidth(text: string, fontSize: number): number {
  return text.length * fontSize * LETTER_WIDTH;
}

/** Breaks a text between words into lines that fit. A word that is too long has a line to itself. */
export function textLines(text: string, width: number, fontSize: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    const last = lines.at(-1);
    const longer = `${last} ${word}`;
    if (last !== undefined && textWidth(longer, fontSize) <= width)
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Text as it may stand in XML. */
export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
