import { describe, expect, test } from "vitest";
import { isNodeSupported, lookAtMachine } from "../../src/doctor/look-at-machine.ts";
import { sendFrames } from "../../src/doctor/send-frames.ts";
import { tryEngine } from "../../src/doctor/try-engine.ts";
import type { Link } from "../../src/protocol/link.ts";
import { listen } from "../../src/transport/listen.ts";

test.each([
  ["v20.19.0", true],
  ["v20.18.3", false],
  ["v18.20.0", false],
  // A lower minor of a higher major.
  ["v22.1.0", true],
])("Node %s is supported by >=20.19: %s", (version, isSupported) => {
  expect(isNodeSupported(version, ">=20.19")).toBe(isSupported);
});

test("the machine has cores, memory and names", async () => {
  const { cpu, memory, names } = await lookAtMachine(">=20.19", {});
  expect(cpu.cores).toBeGreaterThanOrEqual(1);
  expect(cpu.coresOfMachine).toBeGreaterThanOrEqual(cpu.cores);
  expect(memory.bytesFree).toBeGreaterThan(0);
  expect(memory.bytes).toBeLessThanOrEqual(memory.bytesOfMachine);
  expect(names[0]?.name).toBe("localhost");
});

describe("trying an engine", () => {
  const trial = { device: "cpu", numThreads: 1, measureMs: 0 } as const;

  test.each(["onnx", "tfjs"] as const)("really computes with %s", async (engine) => {
    const finding = await tryEngine({ ...trial, engine }, {});
    expect(finding).toMatchObject({ works: true, numThreads: 1 });
    expect(finding.speed).toBeUndefined();
  });

  test("measures its speed when asked to", async () => {
    const { speed } = await tryEngine({ ...trial, engine: "onnx", measureMs: 1 }, {});
    expect(speed?.tokensPerSecond).toBeGreaterThan(0);
    expect(speed?.gflops).toBeGreaterThan(0);
  });

  test("refuses a device that it has not", async () => {
    const trying = tryEngine({ ...trial, engine: "tfjs", device: "abacus" }, {});
    await expect(trying).rejects.toMatchObject({ code: "ERR_ENGINE" });
  });
});

test("frames are sent until the time is over, and then the link closes", async () => {
  let numFrames = 0;
  const count = (link: Link) =>
    link.listen({
      onMessage: () => undefined,
      onTensor: () => void numFrames++,
      onClose: () => undefined,
    });
  await using listener = await listen({ host: "127.0.0.1", port: 0, onLink: count });
  await sendFrames({ port: listener.port, sendMs: 20 });
  expect(numFrames).toBeGreaterThan(0);
});
