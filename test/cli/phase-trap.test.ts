import { expect, test } from "vitest";
import { engineFaultOfEnvironment } from "../../src/cli/engine-fault.ts";
import { phaseTrapOfEnvironment } from "../../src/cli/phase-trap.ts";

test("reads where a process is to stop itself", () => {
  expect(phaseTrapOfEnvironment("stop@sending:step=3")).toEqual({ phase: "sending", step: 3 });
  expect(phaseTrapOfEnvironment("stop@joining")).toEqual({ phase: "joining", step: 0 });
  expect(phaseTrapOfEnvironment("")).toBeUndefined();
});

test("reads what is wrong with the engine of a process, which then does not stop itself", () => {
  expect(engineFaultOfEnvironment("slow@computing:times=4")).toEqual({ type: "slow", times: 4 });
  expect(engineFaultOfEnvironment("wrong@computing")).toEqual({ type: "wrong" });
  expect(engineFaultOfEnvironment("drift@updating:times=51")).toEqual({ type: "drift", times: 51 });
  expect(phaseTrapOfEnvironment("wrong@computing")).toBeUndefined();
  expect(engineFaultOfEnvironment("stop@joining")).toBeUndefined();
});

test.each([
  "slow@computing:times=0",
  "slow@sending:times=2",
  "stop@sendin",
  "kill@sending",
  "stop@sending:3",
])("refuses %j", (text) => {
  expect(() => phaseTrapOfEnvironment(text)).toThrow(
    expect.objectContaining({ code: "ERR_CHAOS", message: expect.stringMatching(/did you mean/) }),
  );
});
