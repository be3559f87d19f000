/** How a series of a figure is told from the others: by colour and by dashes, for who sees no colour. */
export interface SeriesStyle {
  /** A CSS variable that the figure's own style sheet sets, for light and for dark. */
  readonly color: string;
  /** Of the line, as `stroke-dasharray`. */
  readonly dashes: string;
}

/** The font of all figures; a stack that every system has. */
export const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/**
 * Colours of Okabe & Ito (2008), told apart in all common kinds of colour blindness; yellow is left
 * out, which cannot be seen on white. On dark the two darkest are lightened.
 */
const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1B1B1B"];
const DARK = ["#3A9BDC", "#F0823C", "#1FBF92", "#E29AC2", "#E69F00", "#9AD5F7", "#F2F2F2"];
const DASHES = ["none", "7 3", "2 3"];

/** The style of the i-th series; from the eighth on colours come again with other dashes. */
export function seriesStyle(i: number): SeriesStyle {
  const color = `var(--series-${i % LIGHT.length})`;
  // Neighbours differ in both, so that a print in grey still tells a pair apart.
  const dashes = DASHES[(i + Math.floor(i / LIGHT.length)) % DASHES.length] ?? "none";
  return { color, dashes };
}

/** The style sheet inside every figure: it follows the reader's preference, also as a file by itself. */
export function themeStyle(): string {
  return [
    `.figure{${variables("#FFFFFF", "#1B1B1B", "#595959", "#DDDDDD", LIGHT)}font-family:${FONT}}`,
    `@media(prefers-color-scheme:dark){.figure{${variables("#15181D", "#F2F2F2", "#B4B9C2", "#3A3F48", DARK)}}}`,
    ".figure text{fill:var(--ink)}.figure .muted,.figure .muted text{fill:var(--muted)}",
    ".figure svg{overflow:visible}",
  ].join("");
}

function variables(
  surface: string,
  ink: string,
  muted: string,
  grid: string,
  series: readonly string[],
): string {
  const colors = series.map((color, i) => `--series-${i}:${color};`).join("");
  return `--surface:${surface};--ink:${ink};--muted:${muted};--grid:${grid};${colors}`;
}
