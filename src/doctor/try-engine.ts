import type { Environment } from "../base/environment.ts";
import { TrainerError } from "../base/errors.ts";
import { medianOf } from "../base/median.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { createEngine, type EngineName } from "../engine/create-engine.ts";
import type { Engine, TokenBlock } from "../engine/engine.ts";
import { initialParameters } from "../model/initial-parameters.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { EngineSpeed, WorkingEngine } from "./doctor-report.ts";

/** What is to be tried. */
export interface EngineTrial {
  readonly engine: EngineName;
  readonly device: string;
  readonly numThreads: number;
  /** How long to measure, about; 0: not at all. */
  readonly measureMs: number;
}

/** The model of the preset `char`, 0.87 M parameters: large enough to keep a core busy. */
const MODEL: ModelConfiguration = {
  ...{ vocabSize: 65, contextLength: 64, embeddingSize: 128, numHeads: 4, numLayers: 4 },
  ...{ ffn: "geglu", ffnSize: 384, positions: "rotary", norm: "pre" },
  ...{ smallInit: true, embedNorm: true, layerNormEpsilon: 1e-5, bias: true },
};

/** What even plain JavaScript computes in a second. */
const SMALL_BLOCK = blockOf(1, 16);
/** A step of that preset. */
const LARGE_BLOCK = blockOf(12, 64);

/**
 * Computes loss and gradient with an engine, checks that they can be right, and measures its speed.
 *
 * @param environment of this process: TensorFlow needs it.
 * @throws {TrainerError} ERR_ENGINE when it does not work here, or computes nonsense.
 */
export async function tryEngine(
  trial: EngineTrial,
  environment: Environment,
): Promise<WorkingEngine> {
  const { engine: name, device, numThreads, measureMs } = trial;
  await using engine = await createEngine({
    ...{ engine: name, device, model: MODEL, numThreads, environment },
  });
  const { numParams } = parameterLayout(MODEL);
  engine.putParameters(initialParameters(MODEL, 1));
  const gradient = new Float32Array(numParams);
  const lossSum = await engine.gradient(SMALL_BLOCK, gradient);
  checkStep(name, lossSum, gradient);
  const { runtime, numThreads: threadsUsed } = engine.description;
  const working: WorkingEngine = { works: true, runtime, numThreads: threadsUsed };
  if (measureMs === 0) return working;
  return { ...working, speed: await measure(engine, gradient, measureMs) };
}

/** An untrained model guesses: its loss per token is near ln(V), and its gradient is some number. */
function checkStep(name: string, lossSum: number, gradient: Float32Array): void {
  const loss = lossSum / (SMALL_BLOCK.numSequences * SMALL_BLOCK.length);
  const expected = Math.log(MODEL.vocabSize);
  const norm = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0));
  if (Math.abs(loss - expected) < 0.5 && Number.isFinite(norm) && norm > 0) return;
  throw new TrainerError(
    "ERR_ENGINE",
    `The engine ${name} computes nonsense here: a loss of ${loss} where ${expected.toFixed(2)} is ` +
      `right, a gradient of norm ${norm}. Use another engine, and report it with this output.`,
  );
}

async function measure(
  engine: Engine,
  gradient: Float32Array,
  measureMs: number,
): Promise<EngineSpeed> {
  const smallMs = await msOf(engine, SMALL_BLOCK, gradient);
  const block = smallMs > 50 ? SMALL_BLOCK : LARGE_BLOCK;
  await msOf(engine, block, gradient);
  const times: number[] = [];
  const endMs = performance.now() + measureMs;
  while (times.length === 0 || performance.now() < endMs) {
    times.push(await msOf(engine, block, gradient));
  }
  const medianMs = medianOf(times) ?? Number.NaN;
  const tokensPerSecond = (block.numSequences * block.length * 1000) / medianMs;
  return { tokensPerSecond, gflops: (tokensPerSecond * flopsPerToken(block.length)) / 1e9 };
}

/** Forward and backward: 6 per parameter, and the attention over `length` positions. */
function flopsPerToken(length: number): number {
  const { numParams } = parameterLayout(MODEL);
  return 6 * numParams + 12 * MODEL.numLayers * MODEL.embeddingSize * length;
}

async function msOf(engine: Engine, block: TokenBlock, gradient: Float32Array): Promise<number> {
  const startMs = performance.now();
  await engine.gradient(block, gradient);
  return performance.now() - startMs;
}

function blockOf(numSequences: number, length: number): TokenBlock {
  const tokens = Int32Array.from(
    { length: numSequences * (length + 1) },
    (_, i) => (i * 7919 + 13) % MODEL.vocabSize,
  );
  return { numSequences, length, tokens };
}
