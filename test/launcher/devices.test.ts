import { describe, expect, test } from "vitest";
import {
  parseCpuQuota,
  parseGpus,
  threadsPerWorker,
  visibleGpus,
} from "../../src/launcher/devices.ts";

describe("the list of the driver's tool", () => {
  test("gives each GPU with its number", () => {
    const csv = "0, GPU-8f1d, NVIDIA A100-SXM4-40GB\n1, GPU-90c2, NVIDIA A100-SXM4-40GB\n";
    expect(parseGpus(csv)).toEqual([
      { index: 0, id: "GPU-8f1d", name: "NVIDIA A100-SXM4-40GB" },
      { index: 1, id: "GPU-90c2", name: "NVIDIA A100-SXM4-40GB" },
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
  ["all, where nothing is said", undefined, [0, 1, 2]],
  ["none, where nothing is allowed", "", []],
  ["none, where CUDA is told to see none", "-1", []],
  ["those named, in their order", "2, 0", [2, 0]],
  ["one named by its UUID", "GPU-bb", [1]],
  // As CUDA does it.
  ["those before the first that is none", "1,7,0", [1]],
])("a process may use %s", (_name, visible, expected) => {
  const gpus = ["aa", "bb", "cc"].map((id, index) => ({ index, id: `GPU-${id}`, name: "A100" }));
  expect(visibleGpus(gpus, visible).map(({ index }) => index)).toEqual(expected);
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
