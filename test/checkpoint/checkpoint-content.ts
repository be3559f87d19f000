import { digestOf } from "../../src/base/digest.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { CheckpointContent } from "../../src/checkpoint/save-checkpoint.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";

/** Two tensors: a matrix and a vector. */
export const LAYOUT = [
  { name: "embed.weight", shape: [5, 3], offset: 0, length: 15, decays: false },
  { name: "blocks.0.attn.query.bias", shape: [3], offset: 15, length: 3, decays: false },
];

/** A small checkpoint's content; another step has other values. */
export function checkpointContent(step: number, state: object = {}): CheckpointContent {
  const random = seededRandom(step);
  const vector = () => Float32Array.from({ length: 18 }, () => random.normal());
  return {
    step,
    configuration: resolveConfiguration({ ...PRESETS.tiny, vocabSize: 65, weightDecay: 0.3 }),
    layout: LAYOUT,
    parameters: vector(),
    firstMoments: vector(),
    secondMoments: vector(),
    tokenizer: { kind: "byte", note: "ünïcode" },
    state: { validationLoss: 2 - step / 1000, ...state },
  };
}

/** What `loadCheckpoint` gives for this content. */
export function loadedForm(content: CheckpointContent, folder: string) {
  const { step, configuration, parameters, firstMoments, secondMoments, tokenizer } = content;
  return {
    ...{ folder, step, configuration, parameters, tokenizer },
    layout: LAYOUT.map(({ decays: _, ...place }) => place),
    moments: { firstMoments, secondMoments },
    state: { ...content.state, step, parameterDigest: digestOf(parameters) },
  };
}
