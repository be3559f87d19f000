import { describe, expect, test } from "vitest";
import { ProgressLine } from "../../src/cli/progress-line.ts";

describe("ProgressLine", () => {
  test("repaints one line on a terminal and keeps other output above it", () => {
    const { line, written } = recorded({ isTTY: true, columns: 20 });
    line.show("step 1");
    line.print("worker 1 joined");
    line.end();
    expect(written).toEqual([
      "\r\x1b[2Kstep 1",
      "\r\x1b[2Kworker 1 joined\n",
      "\r\x1b[2Kstep 1",
      "\n",
    ]);
  });

  test("cuts a line to the terminal's width", () => {
    const { line, written } = recorded({ isTTY: true, columns: 10 });
    line.show("step 1 of 100000");
    expect(written).toEqual(["\r\x1b[2Kstep 1 o…"]);
  });

  test("writes a line every five seconds into a log, and urgent ones at once", () => {
    const { line, written, clock } = recorded({});
    line.show("step 1");
    clock.ms = 4999;
    line.show("step 2");
    line.show("done", true);
    clock.ms = 9999;
    line.show("step 3");
    expect(written).toEqual(["step 1\n", "done\n", "step 3\n"]);
  });
});

function recorded(stream: { isTTY?: boolean; columns?: number }) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const line = new ProgressLine({ ...stream, write: (text) => written.push(text) }, () => clock.ms);
  return { line, written, clock };
}
