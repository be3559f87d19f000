import { describe, expect, test } from "vitest";
import { parseCpuQuota, parseGpus, threadsPerWorker } from "../../src/launcher/devices.ts";

describe("the list of the driver's tool", () => {
  test("gives each GPU with its number", () => {
    expect(parseGpus("0, NVIDIA A100-SXM4-40GB\n1, NVIDIA A100-SXM4-40GB\n")).toEqual([
      { index: 0, name: "NVIDIA A100-SXM4-40GB" },
      { index: 1, name: "NVIDIA A100-SXM4-40GB" },
    ]);
  });

  test.each([
    ["nothing", ""],
    ["a message", "No devices were found\n"],
    [
      "a failure",
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
    ],
  ])("gives none for %s", (_name, text) => {
    expect(parseGpus(text)).toEqual([]);
  });
});

test.each([
  ["max 100000\n", undefined],
  ["200000 100000\n", 2],
  ["150000 100000\n", 1.5],
  ["", undefined],
  ["100 0", undefined],
])("a cgroup's quota %j is %s cores", (text, cores) => {
  expect(parseCpuQuota(text)).toBe(cores);
});

test.each([
  [8, 2, 4],
  [2, 2, 1],
  [3, 2, 1],
  // More workers than cores: they take turns.
  [2, 4, 1],
])("%i cores give %i workers %i thread(s) each", (numCores, numWorkers, numThreads) => {
  expect(threadsPerWorker(numCores, numWorkers)).toBe(numThreads);
});
