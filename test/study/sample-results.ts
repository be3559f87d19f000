import { planRuns } from "../../src/study/plan-runs.ts";
import { readStudy } from "../../src/study/read-study.ts";
import type { RunResult, StudyResults } from "../../src/study/study-results.ts";

/** The content of a study file with two corpora, two arms and two learning rates. */
export function studyContent(): Record<string, unknown> {
  return {
    name: "sample",
    title: "Slow & fast",
    question: "Is fast faster than slow?",
    corpora: {
      char: { title: "characters", source: "demo", tokenizer: "char" },
      bpe: { title: "BPE", source: ["a.txt"], tokenizer: "bpe", vocabSize: 300, validation: 0.2 },
    },
    arms: {
      slow: { title: "Slow", configuration: { smallInit: false } },
      fast: { title: "Fast", configuration: { smallInit: true } },
    },
    vary: { learningRate: [0.001, 0.01] },
    seeds: [1, 2, 3],
    configuration: { steps: 200, seed: 9 },
    claims: {
      faster: { statement: "Fast is faster.", measure: "speed", arm: "fast", against: "slow" },
      backwards: { statement: "Slow is lower.", measure: "loss", arm: "slow", against: "fast" },
      more: {
        ...{ statement: "More with BPE.", measure: "speed", arm: "fast", against: "slow" },
        more: { on: "bpe", than: "char" },
      },
      saves: { statement: "Fast saves.", measure: "trains", arm: "fast", against: "slow" },
    },
    quick: { corpora: ["char"], seeds: [7], vary: {}, configuration: { steps: 10 } },
  };
}

/**
 * Results whose truth is known: losses fall like exp(-step / time), and `fast` takes exactly the given
 * times fewer steps, but for a little scatter by seed.
 */
export function sampleResults(speeds: { char: number; bpe: number }, numSeeds = 3): StudyResults {
  const seeds = Array.from({ length: numSeeds }, (_, i) => i + 1);
  const study = readStudy({ ...studyContent(), seeds });
  const runs = planRuns(study).map((run): RunResult => {
    const speed = run.arm === "fast" ? speeds[run.corpus as "char" | "bpe"] : 1;
    const time = (100 / speed) * (1 + 0.01 * (run.seed - 2));
    const losses = Array.from({ length: 40 }, (_, i) => 2 + 3 * Math.exp(-(5 * i + 2.5) / time));
    const probe = { gradientNorms: { embedding: 2 / speed, head: 1 }, embeddingRms: 0.5 };
    return {
      ...{ name: run.name, corpus: run.corpus, arm: run.arm, condition: run.condition },
      ...{ seed: run.seed, standing: "completed", steps: 200, losses },
      // Slow runs at the high rate learn frequencies alone.
      validationLoss: run.arm === "slow" && run.condition.learningRate === 0.01 ? 3.99 : 2.5,
      probes: [1, 2, 100].map((step) => ({ step, ...probe, embeddingCosine: 1 / step })),
      ...{ parameterDigest: "00ff", wallMs: 1000 },
    };
  });
  const corpora = ["char", "bpe"].map((name) => ({
    ...{ name, vocabSize: 300, trainTokens: 1000, validationTokens: 100 },
    ...{ uniformLoss: Math.log(300), unigramLoss: 4 },
  }));
  return { study, machine: "a machine", corpora, numPlanned: runs.length, runs };
}
