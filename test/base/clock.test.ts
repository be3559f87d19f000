import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("never goes back", () => {
  const times = Array.from({ length: 1000 }, () => systemClock.nowMs());
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test("calls once after the delay, and not when called off", () => {
  vi.useFakeTimers();
  const [kept, calledOff] = [vi.fn(), vi.fn()];
  systemClock.after(100, kept);
  const callOff = systemClock.after(100, calledOff);
  vi.advanceTimersByTime(99);
  expect(kept).not.toHaveBeenCalled();
  callOff();
  vi.advanceTimersByTime(500);
  expect(kept).toHaveBeenCalledTimes(1);
  expect(calledOff).not.toHaveBeenCalled();
});
