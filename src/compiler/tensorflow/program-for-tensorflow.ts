import type { ModelConfiguration } from "../../configuration/configuration.ts";
import { parameterLayout } from "../../model/parameter-layout.ts";
import { ALL_PASSES, type WithoutPasses } from "../apply-passes.ts";
import type { Graph } from "../graph.ts";
import {
  type BlockShape,
  gradientName,
  traceDecode,
  traceGradient,
  traceLogits,
  traceLoss,
} from "../model-programs.ts";
import { avoidOneHots } from "../passes/avoid-one-hots.ts";
import { flattenParameters, joinOutputs } from "../passes/flat-parameters.ts";
import type { TensorflowOptions } from "./emit-tensorflow.ts";
import { optimizeForTensorflow } from "./optimize-for-tensorflow.ts";
import type { MatrixPrecision } from "./site.ts";

/**
 * How numbers get to a program and back.
 *
 * `fed`: the caller feeds the parameters with each run, and memory in which each gradient is written: on
 * a CPU nothing is copied so. `variable`: the session keeps the parameters, and gradients come back as one
 * vector: where the session's memory is a device's, one transfer each way.
 */
export type ParameterPlace = "fed" | "variable";

/** What a program computes; those with a block are compiled for its shape. */
export type ProgramKind =
  | { readonly type: "gradient" | "loss" | "logits"; readonly block: BlockShape }
  | { readonly type: "decode" };

/** For what a program is made. */
export interface ProgramTarget {
  readonly model: ModelConfiguration;
  /** "cpu" or "gpu:N". */
  readonly device: string;
  readonly precision: MatrixPrecision;
  readonly parameters: ParameterPlace;
}

/** A program to be emitted, with the options for it. */
export interface ProgramForTensorflow {
  readonly graph: Graph;
  readonly options: TensorflowOptions;
}

/** The programs' name of the vector of all parameters, f32[numParams]. */
export const PARAMETERS = "parameters";

/** With parameters in a variable, the name of the vector of all gradients, f32[numParams]. */
export const GRADIENT = "gradient";

/**
 * TensorScatterAdd, which this pass makes, is not deterministic on a GPU: as deterministic operations are asked
 * for, TensorFlow takes its tensor to the host and back, the probabilities of all tokens (DoScatterNdOnCpu
 * in its scatter_nd_op.cc). One-hots on the device are a fraction of that.
 */
const WITHOUT_ON_GPU: WithoutPasses = new Set([avoidOneHots.name]);

/** The program of a model as TensorFlow is to run it: traced, its parameters in one vector, optimized. */
export function programForTensorflow(
  kind: ProgramKind,
  { model, device, precision, parameters }: ProgramTarget,
): ProgramForTensorflow {
  const { tensors } = parameterLayout(model);
  const gradients = tensors.map(({ name }) => gradientName(name));
  const isVariable = parameters === "variable";
  const isGradient = kind.type === "gradient";
  const traced = traceOf(kind, model);
  const joined = isGradient && isVariable ? joinOutputs(traced, gradients, GRADIENT) : traced;
  const flat = flattenParameters(joined, tensors, PARAMETERS);
  return {
    graph: optimizeForTensorflow(flat, device === "cpu" ? ALL_PASSES : WITHOUT_ON_GPU),
    options: {
      precision,
      variables: isVariable ? [PARAMETERS] : [],
      written: isGradient && !isVariable ? gradients : [],
    },
  };
}

function traceOf(kind: ProgramKind, model: ModelConfiguration): Graph {
  switch (kind.type) {
    case "gradient":
      return traceGradient(model, kind.block);
    case "loss":
      return traceLoss(model, kind.block);
    case "logits":
      return traceLogits(model, kind.block);
    case "decode":
      return traceDecode(model);
  }
}
