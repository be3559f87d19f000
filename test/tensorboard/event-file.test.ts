import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { safetensorsPieces } from "../../src/checkpoint/safetensors-file.ts";
import { crc32c } from "../../src/tensorboard/crc32c.ts";
import { histogramOf } from "../../src/tensorboard/histogram.ts";
import { TensorboardObserver } from "../../src/tensorboard/tensorboard-observer.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { isRequired } from "../is-required.ts";

/** A Python with the package tensorboard. */
const python = process.env.SMALLINIT_TENSORBOARD_PYTHON;

/** Prints what TensorBoard's own reader finds in a folder. */
const SCRIPT = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0}).Reload()
print(json.dumps({
    "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]},
    "histograms": {tag: [[e.step, h.min, h.max, h.num, h.sum, h.sum_squares]
                         for e in events.Histograms(tag) for h in [e.histogram_value]]
                   for tag in events.Tags()["histograms"]},
}))
`;

function observerOf(folder: string, { processId = 1, warnings = [] as string[] } = {}) {
  return new TensorboardObserver({
    ...{ folder, processId, hostName: "here" },
    wallMs: () => 1_700_000_000_000 + processId,
    log: { info: () => undefined, warn: (message) => warnings.push(message) },
  });
}

describe("CRC-32C", () => {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogues.
  test.each([
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["0 to 31", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["the digits", Buffer.from("123456789"), 0xe3069283],
  ])("of %s is the published one", (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

describe("a histogram", () => {
  test("counts every number once, between the extremes", () => {
    const histogram = histogramOf(Float32Array.of(-1, 0, 0.5, 2, 2));
    expect(histogram).toMatchObject({ min: -1, max: 2, count: 5, sum: 3.5, sumOfSquares: 9.25 });
    expect(histogram.counts.reduce((sum, count) => sum + count)).toBe(5);
    expect([histogram.counts[0], histogram.counts.at(-1)]).toEqual([1, 2]);
    expect(histogram.limits.at(-1)).toBe(2);
  });

  test("has one bucket for numbers that are all the same", () => {
    expect(histogramOf(new Float32Array(3))).toMatchObject({ counts: [3], limits: [0] });
  });
});

test("a run that has said nothing leaves no folder", async () => {
  const folder = join(await temporaryFolder(), "tensorboard");
  await observerOf(folder).close();
  await expect(readdir(folder)).rejects.toMatchObject({ code: "ENOENT" });
});

test("records are framed with their length and checksums", async () => {
  const folder = join(await temporaryFolder(), "tensorboard");
  observerOf(folder).onMetrics({ step: 1, loss: 2.5 });
  const [name = ""] = await readdir(folder);
  expect(name).toBe("events.out.tfevents.1700000000.here.1.smallinit");
  const bytes = await readFile(join(folder, name));
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += 16 + (lengths.at(-1) ?? 0)) {
    lengths.push(Number(bytes.readBigUInt64LE(at)));
  }
  // A version, a restart and a step.
  expect(lengths).toHaveLength(3);
});

test("a folder that cannot be written is told once, and ends nothing", async () => {
  const folder = join(await temporaryFolder(), "file");
  await writeFile(folder, "in the way");
  const warnings: string[] = [];
  const observer = observerOf(folder, { warnings });
  observer.onMetrics({ step: 1, loss: 2.5 });
  observer.onMetrics({ step: 2, loss: 2.4 });
  await observer.close();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("Could not write");
});

test.skipIf(python === undefined && !isRequired("tensorboard"))(
  "TensorBoard reads curves and histograms, and a resumed run replaces what it does again (set SMALLINIT_TENSORBOARD_PYTHON)",
  async () => {
    const folder = join(await temporaryFolder(), "tensorboard");
    const checkpoint = join(await temporaryFolder(), "step-00000002");
    await mkdir(checkpoint);
    const tensor = { name: "embed.weight", shape: [2, 2], values: Float32Array.of(-1, 0, 1, 1) };
    const pieces = [...safetensorsPieces([tensor])].map((piece) => Buffer.from(piece));
    await writeFile(join(checkpoint, "model.safetensors"), Buffer.concat(pieces));

    const first = observerOf(folder);
    for (const step of [1, 2, 3, 4]) first.onMetrics({ step, loss: 10 - step, workers: 2 });
    first.onCheckpoint(2, checkpoint);
    await first.close();
    // The coordinator died in step 5, and the checkpoint of step 2 was the newest.
    const second = observerOf(folder, { processId: 2 });
    second.onMetrics({ step: 2, validationLoss: 8.25 });
    second.onMetrics({ step: 3, loss: 6.5, workers: 1 });
    await second.close();

    const output = execFileSync(python ?? "", ["-c", SCRIPT, folder], { encoding: "utf8" });
    const { scalars, histograms } = JSON.parse(output);
    expect(scalars).toEqual({
      "loss/train": [
        ...[
          [1, 9],
          [2, 8],
        ],
        [3, 6.5],
      ],
      "loss/validation": [[2, 8.25]],
      "step/workers": [
        ...[
          [1, 2],
          [2, 2],
        ],
        [3, 1],
      ],
    });
    const [[step, min, max, count, sum, sumOfSquares]] = histograms["parameters/embed.weight"];
    expect([step, min, max, count, sum, sumOfSquares]).toEqual([2, -1, 1, 4, 1, 3]);
  },
);
