import { expect, test } from "vitest";
import { phaseTrapOfEnvironment } from "../../src/cli/phase-trap.ts";

test("reads where a process is to stop itself", () => {
  expect(phaseTrapOfEnvironment("stop@sending:step=3")).toEqual({ phase: "sending", step: 3 });
  expect(phaseTrapOfEnvironment("stop@joining")).toEqual({ phase: "joining", step: 0 });
  expect(phaseTrapOfEnvironment("")).toBeUndefined();
});

test.each(["stop@sendin", "kill@sending", "stop@sending:3"])("refuses %j", (text) => {
  expect(() => phaseTrapOfEnvironment(text)).toThrow(
    expect.objectContaining({ code: "ERR_CHAOS", message: expect.stringMatching(/did you mean/) }),
  );
});
