import type * as ObservablePlot from "@observablehq/plot";
import type { parseHTML } from "linkedom";
import type { Axis, CurvePanel, IntervalPanel, Panel, Series } from "./figure.ts";
import { seriesStyle } from "./theme.ts";

/** What draws: loaded only where a figure is wanted, since it takes a moment and much memory. */
export interface DrawingMeans {
  readonly plot: typeof ObservablePlot;
  /** A document without a browser. */
  readonly document: ReturnType<typeof parseHTML>["document"];
}

/** The space of a panel, in pixels. */
export interface PanelSize {
  readonly width: number;
  readonly height: number;
}

const FONT_SIZE = 12;
/** Room for what stands left of a panel of intervals, and for its numbers at the right. */
const LABEL_WIDTH = 260;
const NUMBERS_WIDTH = 250;

/** Loads Observable Plot and a document to draw in. */
export async function loadDrawingMeans(): Promise<DrawingMeans> {
  const [plot, { parseHTML }] = await Promise.all([
    import("@observablehq/plot"),
    import("linkedom"),
  ]);
  return { plot, document: parseHTML("<!doctype html><html><body></body></html>").document };
}

/** Draws one panel as an `<svg>` element. */
export function drawPanel(
  means: DrawingMeans,
  panel: Panel,
  series: readonly Series[],
  size: PanelSize,
): string {
  const options = {
    document: means.document,
    ...size,
    style: { background: "none", color: "var(--ink)", fontSize: `${FONT_SIZE}px` },
    className: "panel",
  };
  const styles = new Map(series.map(({ name }, i) => [name, seriesStyle(i)]));
  const svg =
    panel.type === "curves"
      ? curvePlot(means, panel, styles, options)
      : intervalPlot(means, panel, styles, options);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  // Plot's own style sheet is for pages; the figure brings its own.
  return svg.outerHTML.replaceAll(/<style>[\s\S]*?<\/style>/g, "");
}

type Styles = ReadonlyMap<string, ReturnType<typeof seriesStyle>>;

function curvePlot(
  { plot }: DrawingMeans,
  panel: CurvePanel,
  styles: Styles,
  options: ObservablePlot.PlotOptions,
) {
  const marks = panel.curves.flatMap(({ series, points, hasDots }) => {
    const { color: stroke, dashes: strokeDasharray } = styles.get(series) ?? seriesStyle(0);
    const ranged = points.filter(({ low, high }) => low !== undefined && high !== undefined);
    const bounds = { x: "x", y1: "low", y2: "high", clip: true } as const;
    return [
      hasDots
        ? plot.ruleX(ranged, { ...bounds, stroke, strokeWidth: 2, strokeOpacity: 0.7 })
        : plot.areaY(ranged, { ...bounds, fill: stroke, fillOpacity: 0.18 }),
      plot.lineY(points, { x: "x", y: "y", stroke, strokeWidth: 2, strokeDasharray, clip: true }),
      ...(hasDots ? [plot.dot(points, { x: "x", y: "y", fill: stroke, r: 4 })] : []),
    ];
  });
  const rules = (panel.rules ?? []).flatMap(({ y, title }) => [
    plot.ruleY([y], { stroke: "var(--muted)", strokeDasharray: "1 3" }),
    plot.text([title], { y: [y], frameAnchor: "right", dy: -7, fill: "var(--muted)" }),
  ]);
  return plot.plot({
    ...options,
    ...{ marginLeft: 52, marginBottom: 40, marginRight: 14, marginTop: 14 },
    x: scale(panel.x, "center"),
    y: scale(panel.y, "center"),
    marks: [
      plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ...ticksOf(panel.x) }),
      plot.gridY({ stroke: "var(--grid)", strokeOpacity: 1, ...ticksOf(panel.y) }),
      ...rules,
      ...marks,
    ],
  });
}

function intervalPlot(
  { plot }: DrawingMeans,
  panel: IntervalPanel,
  styles: Styles,
  options: ObservablePlot.PlotOptions,
) {
  const rows = panel.rows.map((row, i) => ({
    ...row,
    place: i,
    color: colorOf(styles, row.series),
  }));
  const ranged = rows.filter(({ low, high }) => low !== undefined && high !== undefined);
  const place = { y: "place" } as const;
  return plot.plot({
    ...options,
    ...{ marginLeft: LABEL_WIDTH, marginBottom: 40, marginRight: NUMBERS_WIDTH, marginTop: 8 },
    x: scale(panel.x, "center"),
    y: { type: "point", domain: rows.map((row) => row.place), axis: null, padding: 0.7 },
    marks: [
      plot.gridX({ stroke: "var(--grid)", strokeOpacity: 1, ...ticksOf(panel.x) }),
      ...(panel.zero === undefined
        ? []
        : [plot.ruleX([panel.zero], { stroke: "var(--ink)", strokeWidth: 1.5 })]),
      plot.ruleY(ranged, { ...place, x1: "low", x2: "high", stroke: "color", strokeWidth: 3 }),
      plot.dot(rows, { ...place, x: "mean", fill: "color", r: 5 }),
      plot.text(rows, {
        ...place,
        ...{ text: "label", frameAnchor: "left", textAnchor: "end", dx: -10, fill: "var(--ink)" },
      }),
      plot.text(rows, {
        ...place,
        ...{ text: "text", frameAnchor: "right", textAnchor: "start", dx: 10, fill: "var(--ink)" },
      }),
    ],
    color: { type: "identity" },
  });
}

function colorOf(styles: Styles, name: string): string {
  return (styles.get(name) ?? seriesStyle(0)).color;
}

function scale({ label, type = "linear", domain }: Axis, labelAnchor: "center") {
  return {
    ...{ label, type, labelAnchor, labelArrow: "none" as const, tickSize: 4 },
    ...(domain === undefined ? { nice: type === "linear" } : { domain: [...domain] }),
    // Digits that the axis can afford; 1e-3 and 0.001 alike.
    ...(type === "log" ? { tickFormat: "~g" } : {}),
  };
}

function ticksOf({ ticks }: Axis) {
  return ticks === undefined ? {} : { ticks: [...ticks] };
}
