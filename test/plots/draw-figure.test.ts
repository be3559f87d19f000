import { describe, expect, test } from "vitest";
import { drawFigure } from "../../src/plots/draw-figure.ts";
import type { Figure } from "../../src/plots/figure.ts";
import { textLines } from "../../src/plots/text-lines.ts";
import { seriesStyle } from "../../src/plots/theme.ts";

const FIGURE: Figure = {
  title: "Loss & steps",
  conclusion: "The second is lower <throughout>.",
  series: [
    { name: "a", title: "first" },
    { name: "b", title: "second" },
    { name: "c", title: "third, which no panel has" },
  ],
  panels: [
    {
      ...{ type: "curves", title: "panel" },
      x: { label: "step" },
      y: { label: "nats" },
      curves: [
        {
          series: "a",
          points: [0, 1, 2].map((x) => ({ x, y: 3 - x, low: 2.5 - x, high: 3.5 - x })),
        },
        { series: "b", points: [0, 1, 2].map((x) => ({ x, y: 2 - x })) },
      ],
      rules: [{ y: 1, title: "chance" }],
    },
  ],
  ...{ note: "Bands: all seeds.", numColumns: 1 },
};

describe("a figure", () => {
  test("is one SVG with its texts escaped, its axes named, and only the series that it shows", async () => {
    const svg = await drawFigure(FIGURE);
    for (const text of [
      "Loss &amp; steps",
      "&lt;throughout&gt;",
      "first",
      "second",
      "nats",
      "chance",
    ]) {
      expect(svg).toContain(text);
    }
    expect(svg).not.toContain("third");
    expect(svg.match(/^<svg /)).not.toBeNull();
  });

  test("needs no network, and follows light and dark", async () => {
    const svg = await drawFigure(FIGURE);
    expect(svg.replaceAll(/xmlns(:\w+)?="[^"]+"/g, "")).not.toMatch(/https?:|@import|href=/);
    expect(svg).toContain("prefers-color-scheme:dark");
  });

  test("is the same text each time but for names that only it refers to", async () => {
    const anonymous = (svg: string) => svg.replaceAll(/plot-clip-\d+/g, "clip");
    expect(anonymous(await drawFigure(FIGURE))).toBe(anonymous(await drawFigure(FIGURE)));
  });
});

test("twelve series differ from each other in colour or dashes", () => {
  const styles = Array.from({ length: 12 }, (_, i) => JSON.stringify(seriesStyle(i)));
  expect(new Set(styles).size).toBe(12);
});

test("breaks text between words, and never loses one", () => {
  const text = "one two three incomprehensibilities four";
  const lines = textLines(text, 60, 10);
  expect(lines.join(" ")).toBe(text);
  expect(lines.length).toBeGreaterThan(3);
  expect(textLines("", 60, 10)).toEqual([]);
});
