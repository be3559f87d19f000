import type { CurvePanel, Series } from "./figure.ts";

/** How a panel is shown in a terminal. */
export interface TerminalOptions {
  /** Characters of a line. */
  readonly columns: number;
  /** Lines of the plot itself. */
  readonly rows: number;
  /** Whether series are told apart by colour as well as by the letter at their end. */
  readonly hasColor: boolean;
}

/** Dots of a braille character: two across, four down, with the bit of each (Unicode, U+2800). */
const DOT_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

const LABEL_COLUMNS = 9;
/** Of the 256 colours of terminals: blue, orange, green, pink, light blue, yellow. */
const COLORS = [33, 208, 36, 176, 117, 178] as const;

/** Draws curves with braille dots: lines of text, with axes and a legend. */
export function drawInTerminal(
  panel: CurvePanel,
  series: readonly Series[],
  { columns, rows, hasColor }: TerminalOptions,
): readonly string[] {
  const points = panel.curves.flatMap((curve) => curve.points);
  if (points.length === 0) return [`${panel.title}: nothing to show`];
  const width = Math.max(10, columns - LABEL_COLUMNS - 2);
  const [x, y] = [rangeOf(points.map((p) => p.x)), rangeOf(points.map((p) => p.y))];
  const canvas = new Canvas(width, rows);
  const paint = (text: string, index: number) =>
    hasColor ? `\u001b[38;5;${COLORS[index % COLORS.length]}m${text}\u001b[0m` : text;
  for (const curve of panel.curves) {
    const index = series.findIndex(({ name }) => name === curve.series);
    const places = curve.points.map((point) => ({
      column: Math.round(position(point.x, x) * (2 * width - 1)),
      row: Math.round((1 - position(point.y, y)) * (4 * rows - 1)),
    }));
    canvas.line(places, index, curve.hasDots !== true);
    const end = places.at(-1);
    if (end !== undefined) canvas.write(end, letterOf(index), index);
  }
  const shown = series.flatMap(({ name, title }, index) =>
    panel.curves.some((curve) => curve.series === name)
      ? [`  ${paint(letterOf(index), index)} ${title}`]
      : [],
  );
  return [
    `${panel.title}: ${panel.y.label}`,
    ...canvas.lines(paint).map((line, row) => {
      const isLabelled = row === 0 || row === rows - 1 || row === Math.floor(rows / 2);
      const value = y.max - ((y.max - y.min) * row) / Math.max(1, rows - 1);
      return `${(isLabelled ? short(value) : "").padStart(LABEL_COLUMNS)} ┤${line}`;
    }),
    `${" ".repeat(LABEL_COLUMNS + 1)}└${"─".repeat(width)}`,
    `${" ".repeat(LABEL_COLUMNS + 2)}${between(short(x.min), panel.x.label, short(x.max), width)}`,
    ...shown,
  ];
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function rangeOf(values: readonly number[]): Range {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)];
  return { min, max };
}

function position(value: number, { min, max }: Range): number {
  return max > min ? (value - min) / (max - min) : 0.5;
}

function letterOf(index: number): string {
  return String.fromCharCode(97 + (index % 26));
}

function short(value: number): string {
  return Math.abs(value) >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}

function between(left: string, middle: string, right: string, width: number): string {
  const space = Math.max(2, width - left.length - middle.length - right.length);
  const before = " ".repeat(Math.floor(space / 2));
  return `${left}${before}${middle}${" ".repeat(space - before.length)}${right}`;
}

/** A dot's place, in dots from the upper left. */
interface Place {
  readonly column: number;
  readonly row: number;
}

/** Cells of eight dots each; a cell has the colour of what was drawn there last. */
class Canvas {
  readonly #width: number;
  readonly #cells: { bits: number; letter: string | undefined; index: number }[];

  constructor(width: number, rows: number) {
    this.#width = width;
    this.#cells = Array.from({ length: width * rows }, () => ({
      ...{ bits: 0, letter: undefined, index: 0 },
    }));
  }

  /** Draws places, joined by straight lines or by themselves. */
  line(places: readonly Place[], index: number, isJoined: boolean): void {
    for (const [i, to] of places.entries()) {
      const from = (isJoined ? places[i - 1] : undefined) ?? to;
      const numDots = Math.max(Math.abs(to.column - from.column), Math.abs(to.row - from.row), 1);
      for (let dot = 0; dot <= numDots; dot++) {
        const part = dot / numDots;
        const column = Math.round(from.column + (to.column - from.column) * part);
        const row = Math.round(from.row + (to.row - from.row) * part);
        const cell = this.#cellAt({ column, row });
        if (cell === undefined) continue;
        cell.bits |= DOT_BITS[row % 4]?.[column % 2] ?? 0;
        cell.index = index;
      }
    }
  }

  /** Puts a letter over the dots of a cell. */
  write(place: Place, letter: string, index: number): void {
    const cell = this.#cellAt(place);
    if (cell !== undefined) [cell.letter, cell.index] = [letter, index];
  }

  lines(paint: (text: string, index: number) => string): readonly string[] {
    const lines: string[] = [];
    for (let start = 0; start < this.#cells.length; start += this.#width) {
      const cells = this.#cells.slice(start, start + this.#width).map(({ bits, letter, index }) => {
        if (letter === undefined && bits === 0) return " ";
        return paint(letter ?? String.fromCharCode(0x2800 + bits), index);
      });
      lines.push(cells.join(""));
    }
    return lines;
  }

  #cellAt({ column, row }: Place) {
    return this.#cells[Math.floor(row / 4) * this.#width + Math.floor(column / 2)];
  }
}
