import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Arena, arenaBytes } from "../../src/kernels/arena.ts";
import { createKernels } from "../../src/kernels/kernels.ts";
import { parameterGroup, probeStep } from "../../src/worker/step-probe.ts";
import { SMALL_RUN, startFleet, summaryOf, writeData } from "./processes.ts";

const LAYOUT = [
  { name: "embed.weight", shape: [2, 4], offset: 0, length: 8, decays: false },
  { name: "blocks.0.attn.out.weight", shape: [1, 2], offset: 8, length: 2, decays: true },
  { name: "blocks.0.attn.out.bias", shape: [1], offset: 10, length: 1, decays: false },
];

describe("a probe of a step", () => {
  test("gives the norm of each group's mean gradient, and the embedding's cosine and RMS", async () => {
    const kernels = await createKernels({ bytes: arenaBytes([11]) });
    const gradientSum = new Arena(kernels).floats(11);
    gradientSum.set([3, 0, 0, 4, 0, 0, 0, 0, 6, 0, 8]);
    // The first row has turned by 90 degrees, the second is where it was, ten times as long.
    const parameters = Float32Array.of(0, 2, 0, -2, 1, -1, 1, -1, 0, 0, 0);
    const initialEmbedding = Float32Array.of(1, 0, -1, 0, 0.1, -0.1, 0.1, -0.1);
    const subject = { layout: LAYOUT, kernels, initialEmbedding, layerNormEpsilon: 1 };
    const row = probeStep(subject, { step: 7, gradientSum, numTokens: 10, parameters });
    expect(row.step).toBe(7);
    expect(row.gradientNorms).toEqual({ embedding: 0.5, attention: 1 });
    expect(row.embeddingCosine).toBeCloseTo(0.5, 6);
    // Variances 2 and 1, with an epsilon of 1.
    expect(row.embeddingRms).toBeCloseTo(Math.sqrt((2 / 3 + 1 / 2) / 2), 6);
  });

  test.each([
    ["embed.weight", "embedding"],
    ["pos.weight", "positions"],
    ["head.weight", "head"],
    ["blocks.3.attn.query.bias", "attention"],
    ["blocks.3.ffn.out.weight", "feed-forward"],
    ["blocks.0.ln0.weight", "norms"],
    ["ln_out.bias", "norms"],
  ])("counts %s to the group %s", (name, group) => {
    expect(parameterGroup(name)).toBe(group);
  });
});

describe("worker --probes", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "smallinit-probes-"));
    await writeData(join(folder, "data"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function digestOf(run: string, workerArgs: readonly string[]): Promise<unknown> {
    const args = ["coordinator", "--data", join(folder, "data"), "--run", join(folder, run)];
    const fleet = await startFleet([...args, ...SMALL_RUN, "--set", "engine=onnx"], 1, workerArgs);
    expect(await fleet.coordinator.exit, fleet.coordinator.output()).toMatchObject({ code: 0 });
    await Promise.all(fleet.workers.map(({ exit }) => exit));
    return summaryOf(join(folder, run)).parameterDigest;
  }

  test("leaves a row a step that adds up to the run's gradient norm, and changes no bit", async () => {
    const probes = join(folder, "probes");
    const probed = await digestOf("probed", ["--probes", probes]);
    expect(await digestOf("plain", [])).toBe(probed);
    const rows = await rowsOf(join(probes, "worker-0.jsonl"));
    const steps = (await rowsOf(join(folder, "probed", "metrics.jsonl"))).filter(
      ({ loss }) => loss !== undefined,
    );
    expect(rows.map(({ step }) => step)).toEqual(steps.map(({ step }) => step));
    for (const [i, { gradientNorms }] of rows.entries()) {
      const norm = Math.hypot(...Object.values<number>(gradientNorms));
      expect(norm / steps[i]?.gradientNorm).toBeCloseTo(1, 6);
    }
    // One step of Adam moves a small embedding nearly anywhere.
    expect(rows[0]?.embeddingRms).toBeGreaterThan(0.02);
    expect(rows.at(-1)?.embeddingCosine).toBeLessThan(0.5);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: rows of the files that are checked.
async function rowsOf(path: string): Promise<readonly any[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}
