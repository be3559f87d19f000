/** A figure to draw: what it shows, what to conclude, and panels that share one legend. */
export interface Figure {
  readonly title: string;
  /** What to conclude, in a sentence or two below the title. */
  readonly conclusion: string;
  /** In the order of the legend; a panel names them by `name`. */
  readonly series: readonly Series[];
  readonly panels: readonly Panel[];
  /** Small print at the end: what bands and bars are. */
  readonly note: string;
  /** Panels beside each other. */
  readonly numColumns: number;
  /** Of the whole figure, in pixels; default 960. */
  readonly width?: number;
}

/** Something that is drawn in one colour throughout a figure. */
export interface Series {
  readonly name: string;
  /** In the legend. */
  readonly title: string;
}

/** One pair of axes. */
export type Panel = CurvePanel | IntervalPanel;

/** Curves over a number. */
export interface CurvePanel {
  readonly type: "curves";
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
  /** Horizontal lines with a name, for example what chance reaches. */
  readonly rules?: readonly { readonly y: number; readonly title: string }[];
}

/** Means with their intervals, a row each. */
export interface IntervalPanel {
  readonly type: "intervals";
  readonly title: string;
  readonly x: Axis;
  readonly rows: readonly IntervalRow[];
  /** Where there is no effect: a vertical line. */
  readonly zero?: number;
}

/** An axis: its label with the unit, and its kind. */
export interface Axis {
  readonly label: string;
  readonly type?: "linear" | "log";
  /** Fixed ends; else those of what is shown. */
  readonly domain?: readonly [number, number];
  /** Where ticks stand; else where they look good. */
  readonly ticks?: readonly number[];
}

/** One series in a panel. */
export interface Curve {
  readonly series: string;
  readonly points: readonly Point[];
  /** Dots with bars instead of a band: for few points. */
  readonly hasDots?: boolean;
}

/** A point of a curve, with the ends of its band or bar. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** A mean with its interval. */
export interface IntervalRow {
  readonly label: string;
  readonly series: string;
  readonly mean: number;
  readonly low?: number;
  readonly high?: number;
  /** At the end of the row, for example the numbers. */
  readonly text: string;
}
