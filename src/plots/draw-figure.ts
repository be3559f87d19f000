import { type DrawingMeans, drawPanel, loadDrawingMeans } from "./draw-panel.ts";
import type { Figure, IntervalPanel, Panel, Series } from "./figure.ts";
import { escapeXml, textLines, textWidth } from "./text-lines.ts";
import { seriesStyle, themeStyle } from "./theme.ts";

const DEFAULT_WIDTH = 960;
const MARGIN = 20;
const TITLE_SIZE = 19;
const TEXT_SIZE = 14;
const SMALL_SIZE = 12;
const LINE = 1.45;
const CURVE_HEIGHT = 270;
const ROW_HEIGHT = 26;
const PANEL_TITLE_HEIGHT = 24;
const LEGEND_LINE_LENGTH = 34;
const GAP = 18;

/**
 * Draws a figure as one SVG that stands by itself: title, conclusion, legend, panels, note. It follows
 * the reader's light or dark preference, in a page and as a file.
 */
export async function drawFigure(figure: Figure): Promise<string> {
  const means = await loadDrawingMeans();
  const width = figure.width ?? DEFAULT_WIDTH;
  const inner = width - 2 * MARGIN;
  const parts: string[] = [];
  let y = MARGIN;
  const paragraph = (text: string, size: number, attributes: string) => {
    for (const line of textLines(text, inner, size)) {
      y += size * LINE;
      parts.push(textAt(MARGIN, y - size * 0.4, line, `font-size="${size}" ${attributes}`));
    }
  };
  paragraph(figure.title, TITLE_SIZE, 'font-weight="650"');
  y += 2;
  paragraph(figure.conclusion, TEXT_SIZE, "");
  y += 8;
  const legend = drawLegend(shownSeries(figure), figure.series, inner);
  parts.push(`<g transform="translate(${MARGIN},${y})">${legend.content}</g>`);
  y += legend.height + 10;
  const grid = drawGrid(means, figure, inner);
  parts.push(`<g transform="translate(${MARGIN},${y})">${grid.content}</g>`);
  y += grid.height;
  paragraph(figure.note, SMALL_SIZE, 'class="muted"');
  const height = Math.ceil(y + MARGIN / 2);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-label="${escapeXml(`${figure.title} ${figure.conclusion}`)}">` +
    `<style>${themeStyle()}</style><rect width="100%" height="100%" fill="var(--surface)"/>` +
    `${parts.join("\n")}</svg>\n`
  );
}

/** The series that any panel has: others would only be looked for. */
function shownSeries({ series, panels }: Figure): readonly Series[] {
  const names = new Set(panels.flatMap(seriesNames));
  return series.filter(({ name }) => names.has(name));
}

function seriesNames(panel: Panel): readonly string[] {
  // Rows have their names beside them.
  return panel.type === "curves" ? panel.curves.map(({ series }) => series) : [];
}

function drawLegend(shown: readonly Series[], all: readonly Series[], width: number) {
  let [x, y] = [0, 0];
  const content = shown.map(({ name, title }) => {
    const entryWidth = LEGEND_LINE_LENGTH + 8 + textWidth(title, TEXT_SIZE) + 22;
    if (x > 0 && x + entryWidth > width) [x, y] = [0, y + TEXT_SIZE * 1.6];
    const { color, dashes } = seriesStyle(all.findIndex((one) => one.name === name));
    const at = x;
    x += entryWidth;
    const line =
      `<line x1="${at}" x2="${at + LEGEND_LINE_LENGTH}" y1="${y + 8}" y2="${y + 8}" stroke="${color}" ` +
      `stroke-width="3" stroke-dasharray="${dashes}"/>`;
    return line + textAt(at + LEGEND_LINE_LENGTH + 8, y + 13, title, `font-size="${TEXT_SIZE}"`);
  });
  return { content: content.join(""), height: shown.length === 0 ? 0 : y + TEXT_SIZE * 1.6 };
}

function drawGrid(means: DrawingMeans, figure: Figure, width: number) {
  const { panels, series, numColumns } = figure;
  const panelWidth = (width - (numColumns - 1) * GAP) / numColumns;
  let y = 0;
  const rows: string[] = [];
  for (let start = 0; start < panels.length; start += numColumns) {
    const row = panels.slice(start, start + numColumns);
    const height = Math.max(...row.map(heightOf));
    row.forEach((panel, column) => {
      const svg = drawPanel(means, panel, series, { width: panelWidth, height });
      const title = textAt(4, 15, panel.title, `font-size="${TEXT_SIZE}" font-weight="600"`);
      const place = `translate(${column * (panelWidth + GAP)},${y})`;
      rows.push(
        `<g transform="${place}">${title}<g transform="translate(0,${PANEL_TITLE_HEIGHT})">${svg}</g></g>`,
      );
    });
    y += PANEL_TITLE_HEIGHT + height + GAP;
  }
  return { content: rows.join("\n"), height: y };
}

function heightOf(panel: Panel): number {
  return panel.type === "curves" ? CURVE_HEIGHT : intervalHeight(panel);
}

function intervalHeight({ rows }: IntervalPanel): number {
  return 48 + ROW_HEIGHT * (rows.length + 0.4);
}

function textAt(x: number, y: number, text: string, attributes: string): string {
  return `<text x="${x}" y="${Math.round(y * 10) / 10}" ${attributes}>${escapeXml(text)}</text>`;
}
