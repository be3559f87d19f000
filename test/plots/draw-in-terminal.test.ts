import { expect, test } from "vitest";
import { drawInTerminal } from "../../src/plots/draw-in-terminal.ts";
import type { CurvePanel } from "../../src/plots/figure.ts";
import { runningMean } from "../../src/plots/running-mean.ts";

const SERIES = [
  { name: "one", title: "run one" },
  { name: "two", title: "run two" },
];

function panelOf(curves: CurvePanel["curves"]): CurvePanel {
  return { type: "curves", title: "loss", x: { label: "steps" }, y: { label: "nats" }, curves };
}

const FALLING = { series: "one", points: Array.from({ length: 40 }, (_, x) => ({ x, y: 40 - x })) };

test("a falling curve falls, from corner to corner", () => {
  const lines = drawInTerminal(panelOf([FALLING]), SERIES, {
    columns: 31,
    rows: 4,
    hasColor: false,
  });
  expect(lines).toEqual([
    "loss: nats",
    "       40 ┤⠉⠒⠤⢄⣀               ",
    "          ┤     ⠉⠒⠢⢄⣀          ",
    "       14 ┤          ⠉⠑⠢⠤⣀     ",
    "        1 ┤               ⠉⠑⠒⠤a",
    "          └────────────────────",
    "           0      steps      39",
    "  a run one",
  ]);
});

test("every series has its own letter where its curve ends, without colours", () => {
  const flat = {
    series: "two",
    points: [
      { x: 0, y: 0 },
      { x: 39, y: 20 },
    ],
  };
  const text = drawInTerminal(panelOf([FALLING, flat]), SERIES, {
    ...{ columns: 60, rows: 8, hasColor: false },
  }).join("\n");
  expect(text).toMatch(/a\n/);
  expect(text).toMatch(/b\n/);
  expect(text).not.toContain("\u001b");
});

test("colours are used where they are shown", () => {
  const options = { columns: 40, rows: 4, hasColor: true };
  expect(drawInTerminal(panelOf([FALLING]), SERIES, options).join("")).toContain("\u001b[38;5;33m");
});

test("one point, and a curve that never changes, are drawn too", () => {
  const point = { series: "one", points: [{ x: 1, y: 2 }] };
  const options = { columns: 40, rows: 5, hasColor: false };
  expect(drawInTerminal(panelOf([point]), SERIES, options).join("\n")).toContain("a");
  expect(drawInTerminal(panelOf([]), SERIES, options)).toEqual(["loss: nothing to show"]);
});

test("a running mean takes the newest points, and fewer where there are fewer", () => {
  const points = [4, 2, 6, 1].map((y, x) => ({ x, y }));
  expect(runningMean(points, 2).map(({ y }) => y)).toEqual([4, 3, 4, 3.5]);
});
